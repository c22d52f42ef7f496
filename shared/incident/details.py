"""What stands behind a fact's headline, line by line, for those who read it as plain text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from shared.incident.facts import (
    Advised,
    AnyFact,
    Applied,
    Detected,
    Diagnosed,
    Dispatched,
    Escalated,
    Learned,
    Planned,
    Proposed,
    Proved,
    Refused,
    Ruled,
    Stuck,
    Undone,
    Verified,
)
from shared.incident.parts import Evidence, Measure, Predicate

MARKS: Final[Mapping[bool | None, str]] = {True: "yes", False: "NO ", None: " - "}
"""Before a rule or a check: it holds, it fails, nothing is claimed."""


def details(fact: AnyFact) -> Iterator[str]:
    """The lines; texts from the world as they are."""
    match fact:
        case Detected():
            yield from _measures(fact.measures)
            yield from _evidence(fact.evidence)
        case Diagnosed():
            yield from (f"{h.probability:.0%} {h.cause} of {h.service}: {h.why}" for h in fact.hypotheses)
            directive = fact.directive
            yield f"proposes {directive.verb} {directive.target} ({directive.id}); undo: {directive.undo}"
            yield from (f"from memory: {line}" for line in fact.remembered)
            yield from _evidence(fact.evidence)
            yield from (f"missing: {what}" for what in fact.missing)
        case Ruled():
            yield from _rules(fact.predicates)
        case Proposed():
            yield from fact.changes
        case Proved():
            yield from _rules(fact.checks)
        case Applied():
            yield f"{fact.before.container_id[:12]} started {fact.before.started_at} → {fact.after.started_at}"
        case Refused() | Undone():
            yield fact.detail
        case Verified():
            yield from _measures(fact.measures)
            yield from _evidence(fact.evidence)
        case Learned():
            spans = {"detect": fact.time_to_detect_s, "act": fact.time_to_act_s, "recover": fact.time_to_recover_s}
            yield ", ".join(f"to {name} {'–' if took is None else f'{took:.1f} s'}" for name, took in spans.items())
            if fact.earlier:
                yield f"earlier: {', '.join(f'#{number}' for number in fact.earlier)}"
        case Escalated():
            yield from fact.brief.splitlines()
        case Planned():
            yield from fact.plan.splitlines()
        case Advised():
            yield from (f"model: {said.text} [{', '.join(said.evidence)}]" for said in fact.narrative)
            if fact.next_observation is not None:
                yield f"model: to look at next: {fact.next_observation.text}"
        case Stuck(todo=todo) | Dispatched(todo=todo) if todo:
            yield f"to do: {todo}"
        case _:
            return


def _rules(rules: tuple[Predicate, ...]) -> Iterator[str]:
    yield from (f"{MARKS[rule.ok]} {rule.name}: {rule.detail}" for rule in rules)


def _measures(measures: tuple[Measure, ...]) -> Iterator[str]:
    for one in measures:
        before, after = ("–" if value is None else f"{value:.4g}" for value in (one.before, one.after))
        yield f"{one.name}: {before} → {after} {one.unit}"


def _evidence(evidence: tuple[Evidence, ...]) -> Iterator[str]:
    yield from (f"[{one.id}] {one.summary}" for one in evidence)
