"""Drops what does not hold word for word: evidence with another hash, numbers nobody measured, traces nobody saw."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import replace
from typing import Final

from agents.brain.case import Cited, Clue
from shared.incident.evidence import sha256_of
from shared.incident.parts import Evidence, Hypothesis

_NUMBER: Final = re.compile(r"(?<![\w.,#-])#?(\d+(?:\.\d+)?)(%?)(?![\w])(?!\.\d)")
_SCALES: Final = (1.0, 1e-3, 1e-6)
"""A number may be said in the unit it was measured in, or in thousands or millions of it (µs as ms or s)."""


def verified(
    clues: Iterable[Clue], traces: Set[str], logged: Iterable[Evidence]
) -> tuple[tuple[Clue, ...], tuple[str, ...]]:
    """The clues that hold, less the evidence that does not; and for each that was dropped, one line saying why.

    `traces`: ids of all traces seen. `logged`: evidence that stands in the incident's log already.
    """
    known = {e.id: e for e in logged}
    kept, dropped = [], []
    for clue in clues:
        proofs = []
        for cited in clue.evidence:
            reason = flaw(cited, traces, known)
            if reason:
                dropped.append(f"{clue.analyst} on {clue.service}: {reason}")
            else:
                proofs.append(cited)
        unsaid = unsupported(clue.why, [c.evidence.summary if c.verbatim is None else c.verbatim for c in proofs])
        if not proofs:
            dropped.append(f"{clue.analyst} on {clue.service}: nothing holds that it cites")
        elif unsaid:
            dropped.append(f"{clue.analyst} on {clue.service}: {unsaid} stands in no evidence")
        else:
            kept.append(replace(clue, evidence=tuple(proofs)))
    return tuple(kept), tuple(dict.fromkeys(dropped))


def flaw(cited: Cited, traces: Set[str], logged: dict[str, Evidence]) -> str | None:
    """What is wrong with one piece of evidence; None when it holds."""
    seen = cited.evidence
    if cited.verbatim is None:
        return None if logged.get(seen.id) == seen else f"{seen.id} does not stand in the log"
    digest = sha256_of(cited.verbatim)
    if seen.sha256 != digest or not seen.id.endswith(digest[:8]):
        return f"{seen.id} is not what was seen"
    if seen.trace_id is not None and seen.trace_id not in traces:
        return f"{seen.id} names a trace that was not seen"
    unsaid = unsupported(seen.summary, [cited.verbatim])
    return f"{seen.id} says {unsaid}, which was not measured" if unsaid else None


def unsupported(sentence: str, verbatims: list[object]) -> str | None:
    """The first number in `sentence` that stands in none of `verbatims` (JSON types), rounded as it is said."""
    said = list(_NUMBER.finditer(sentence))
    if not said:
        return None
    numbers, texts = [], set()
    for verbatim in verbatims:
        for value in _leaves(verbatim):
            if isinstance(value, str):
                texts |= {m[1] for m in _NUMBER.finditer(value)}
                texts |= {value[:10]} if value[:10].isdigit() else set()
            else:
                numbers.append(float(value))
    for number in said:
        digits, percent = number[1], number[2]
        if digits not in texts and not any(_says(digits, value, bool(percent)) for value in numbers):
            return digits + percent
    return None


def cited_only(
    hypotheses: tuple[Hypothesis, ...], evidence: tuple[Evidence, ...]
) -> tuple[tuple[Hypothesis, ...], tuple[str, ...]]:
    """The hypotheses less the ids that `evidence` does not hold; what is left without any is dropped, and said."""
    held = {e.id for e in evidence}
    kept, dropped = [], []
    for hypothesis in hypotheses:
        ids = tuple(i for i in hypothesis.evidence if i in held)
        dropped += [f"{hypothesis.id}: {i} is not among the evidence" for i in hypothesis.evidence if i not in held]
        if ids or hypothesis.cause == "unknown":
            kept.append(hypothesis.model_copy(update={"evidence": ids}))
        else:
            dropped.append(f"{hypothesis.id}: {hypothesis.cause} in {hypothesis.service} cites nothing that is there")
    return tuple(kept), tuple(dropped)


def _says(digits: str, value: float, percent: bool) -> bool:
    half = 0.5 * 10 ** -len(digits.partition(".")[2]) * (1 + 1e-9)
    scales = (100.0,) if percent else _SCALES
    return any(abs(abs(value) * scale - float(digits)) <= half for scale in scales)


def _leaves(value: object) -> Iterator[str | float]:
    """Every text and number in JSON types."""
    match value:
        case bool() | None:
            return
        case str() | int() | float():
            yield value
        case dict():
            for key, inner in value.items():
                yield str(key)
                yield from _leaves(inner)
        case list() | tuple():
            for inner in value:
                yield from _leaves(inner)
