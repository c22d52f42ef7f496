"""What a model's answer may change: the order of what evidence hardly tells apart, and words that stand in evidence.

It never adds a hypothesis, an action or certainty. An answer of another form is no answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from agents.brain.grounded import OBSERVE, why_not
from agents.brain.question import SENTENCES, Shown
from shared.incident.parts import Cause, Hypothesis
from shared.incident.render import plain

NEAR: Final = 3.0
"""Hypotheses change places only when their probabilities are within this factor of each other."""
_AROUND: Final = re.compile(r"\A\s*(?:<think>.*?</think>\s*)?(?:```(?:json)?\s*\n(.*)\n```|(\{.*\}))\s*\Z", re.DOTALL)
"""What models without structured output put around a JSON object."""
_Id = Annotated[str, StringConstraints(max_length=100)]
_Said = Annotated[str, StringConstraints(max_length=2_000)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Sentence(_Form):
    sentence: _Said
    evidence: Annotated[list[_Id], Field(max_length=16)]


class _Next(_Form):
    text: _Said
    hypothesis: _Id
    evidence: Annotated[list[_Id], Field(max_length=16)]


class _Answer(_Form):
    ranking: Annotated[list[_Id], Field(max_length=16)]
    narrative: Annotated[list[_Sentence], Field(max_length=32)]
    next_observation: _Next | None


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence that may be shown, with the ids of the evidence it rests on."""

    text: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """What is left of an answer. `ranking`: (service, cause), empty where the model's ranking was no ranking."""

    ranking: tuple[tuple[str, Cause], ...]
    narrative: tuple[Said, ...]
    next_observation: Said | None
    dropped: tuple[str, ...]
    """Why something of it is not shown, once for each."""

    @property
    def empty(self) -> bool:
        return not (self.ranking or self.narrative or self.next_observation)


class Nonsense(Exception):
    """The answer has another form than was asked for; the message says which, in our own words."""


def unsound(text: str) -> str | None:
    """Why `text` is no answer at all; None when it is one."""
    try:
        _parse(text)
    except Nonsense as nonsense:
        return str(nonsense)
    return None


def read(text: str, shown: Shown) -> Advice:
    """What may be taken from the model's answer to the question in which `shown` was shown. Raises Nonsense."""
    answer = _parse(text)
    dropped: list[str] = []
    names = [word for h in shown.hypotheses for word in (h.id, h.service, h.cause)]

    def taken(said: str, ids: Sequence[str], *, observation: bool = False) -> Said | None:
        line = plain(said)
        cited = tuple(dict.fromkeys(ids))
        why = "it cites what is not there" if any(i not in shown.evidence for i in cited) else None
        if why is None:
            why = why_not(line, (shown.evidence[i].text for i in cited), names)
        if why is None and observation and not line.startswith(tuple(f"{verb} " for verb in OBSERVE)):
            why = "it is no observation"
        if why is not None:
            dropped.append(why)
            return None
        return Said(line, tuple(shown.evidence[i].id for i in cited))

    sentences = {s.text: s for n in answer.narrative if (s := taken(n.sentence, n.evidence)) is not None}
    following = None
    if answer.next_observation is not None:
        following = taken(answer.next_observation.text, answer.next_observation.evidence, observation=True)
        if answer.next_observation.hypothesis not in {h.id for h in shown.hypotheses}:
            following = None
            dropped.append("it is about a hypothesis that is not there")
    listed = {h.id: h for h in shown.hypotheses}
    ranking: tuple[tuple[str, Cause], ...] = ()
    if sorted(answer.ranking) == sorted(listed):
        ranking = tuple((listed[i].service, listed[i].cause) for i in answer.ranking)
    else:
        dropped.append("its ranking is not of the hypotheses listed")
    return Advice(ranking, tuple(sentences.values())[:SENTENCES], following, tuple(dropped))


def reordered(
    hypotheses: Sequence[Hypothesis], ranking: Iterable[tuple[str, Cause]], enough: float
) -> tuple[Hypothesis, ...]:
    """`hypotheses` (likeliest first) in the order of `ranking`, as far as evidence leaves it open.

    None passes another that is more than `NEAR` times as probable, none without evidence passes one with, and a
    leader at or above the line `enough` is passed only by one that is so too: words alone do not stop a repair.
    Every hypothesis keeps its own probability.
    """
    wish = {key: n for n, key in enumerate(ranking)}
    left = list(hypotheses)
    result: list[Hypothesis] = []
    while left:
        allowed = [h for h in left if not any(_holds(other, h, enough, bool(result)) for other in left)]
        chosen = min(allowed, key=lambda h: wish.get((h.service, h.cause), len(wish) + left.index(h)))
        result.append(chosen)
        left.remove(chosen)
    return tuple(result)


def decisive(hypotheses: Sequence[Hypothesis], enough: float) -> bool:
    """Whether the arithmetic says it clearly: the leader is above the line and nothing is near it."""
    first, *others = hypotheses
    return (
        first.cause != "unknown"
        and first.probability >= enough
        and all(first.probability > NEAR * h.probability for h in others)
    )


def _holds(other: Hypothesis, h: Hypothesis, enough: float, led: bool) -> bool:
    """Whether `other` must stand before `h`. `led`: the leader is chosen already."""
    if other.probability > NEAR * h.probability:
        return True
    if other.probability > h.probability and other.evidence and not h.evidence and h.cause != "unknown":
        return True
    return not led and other.cause != "unknown" and other.probability >= enough > h.probability


def _parse(text: str) -> _Answer:
    match = _AROUND.match(text)
    if match is None:
        raise Nonsense("no JSON object")
    try:
        return _Answer.model_validate(json.loads(match[1] or match[2]))
    except ValidationError as error:
        raise Nonsense("JSON of another form") from error
    except (ValueError, RecursionError) as error:
        raise Nonsense("no JSON object") from error
