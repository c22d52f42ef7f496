"""`explain N`: the story of an incident, told from its facts and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from mission_control.running import target
from mission_control.settings import Settings
from mission_control.verify import read_incident
from mission_control.watch import age
from shared.incident.facts import (
    Advised,
    AnyFact,
    Applied,
    Detected,
    Diagnosed,
    Escalated,
    Learned,
    Proved,
    Refused,
    Ruled,
    Stuck,
    Verified,
)
from shared.incident.parts import Evidence, Measure
from shared.incident.replay import Incident
from shared.incident.story import headline

MARKS: Final[Mapping[bool | None, str]] = {True: "yes", False: "NO ", None: " - "}
"""Before a rule or a check: it holds, it fails, nothing is claimed."""


def explain(settings: Settings, number: int) -> int:
    """0 when there is a story, 1 when the issue is no incident. Raises GithubSaysNo, NotRunning or BadSettings."""
    incident = read_incident(target(settings), number)
    sys.stdout.write(story(incident))
    return 0 if incident.is_incident else 1


def story(incident: Incident) -> str:
    """The story in plain text: the same text for the same comments."""
    if not incident.is_incident:
        return f"#{incident.number} is not an incident: no fact of the fleet stands there.\n"
    began = incident.entries[0].posted_at
    lines = [f"#{incident.number} {incident.status.value}  {incident.url}", ""]
    for entry in incident.entries:
        said = _printable(headline(entry.fact))
        lines.append(f"{entry.posted_at:%H:%M:%S}  +{_since(began, entry.posted_at):>6}  {entry.by}: {said}")
        lines += [f"{'':21}{_printable(line)}" for line in _details(entry.fact)]
    if incident.rejected:
        lines += ["", f"{len(incident.rejected)} comment(s) claimed to be facts and are not; see verify."]
    return "\n".join(lines) + "\n"


def _details(fact: AnyFact) -> Iterator[str]:
    match fact:
        case Detected():
            yield from _measures(fact.measures)
            yield from _evidence(fact.evidence)
        case Diagnosed():
            for guess in fact.hypotheses:
                yield f"{guess.probability:.0%} {guess.cause} of {guess.service}: {guess.why}"
            directive = fact.directive
            yield f"proposes {directive.verb} {directive.target} ({directive.id}); undo: {directive.undo}"
            yield from (f"from memory: {line}" for line in fact.remembered)
            yield from _evidence(fact.evidence)
            yield from (f"missing: {what}" for what in fact.missing)
        case Ruled():
            yield from (f"{MARKS[rule.ok]} {rule.name}: {rule.detail}" for rule in fact.predicates)
        case Proved():
            yield from (f"{MARKS[check.ok]} {check.name}: {check.detail}" for check in fact.checks)
        case Applied():
            yield f"{fact.before.container_id[:12]} started {fact.before.started_at} → {fact.after.started_at}"
        case Refused():
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
        case Advised():
            yield from (f"model: {said.text} [{', '.join(said.evidence)}]" for said in fact.narrative)
            if fact.next_observation is not None:
                yield f"model: to look at next: {fact.next_observation.text}"
        case Stuck():
            yield f"to do: {fact.todo}"
        case _:
            return


def _measures(measures: tuple[Measure, ...]) -> Iterator[str]:
    for one in measures:
        before, after = ("–" if value is None else f"{value:.4g}" for value in (one.before, one.after))
        yield f"{one.name}: {before} → {after} {one.unit}"


def _evidence(evidence: tuple[Evidence, ...]) -> Iterator[str]:
    for one in evidence:
        yield f"[{one.id}] {one.summary}"


def _since(began: datetime, at: datetime) -> str:
    return age((at - began).total_seconds())


def _printable(text: str) -> str:
    """`text`, which came from the world, without anything a terminal would obey."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
