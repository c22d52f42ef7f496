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
    Began,
    Commanded,
    Deployed,
    Detected,
    Diagnosed,
    Dispatched,
    Escalated,
    Learned,
    Merged,
    Planned,
    Proposed,
    Proved,
    Refused,
    Returned,
    Ruled,
    Stuck,
    Undone,
    Verified,
)
from shared.incident.parts import Evidence, Measure
from shared.incident.replay import Entry, Incident

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
        lines.append(
            f"{entry.posted_at:%H:%M:%S}  +{_since(began, entry.posted_at):>6}  {entry.by}: {_headline(entry)}"
        )
        lines += [f"{'':21}{_printable(line)}" for line in _details(entry.fact)]
    if incident.rejected:
        lines += ["", f"{len(incident.rejected)} comment(s) claimed to be facts and are not; see verify."]
    return "\n".join(lines) + "\n"


def _headline(entry: Entry) -> str:
    fact = entry.fact
    match fact:
        case Detected():
            again = f", recurrence {fact.recurrence}" if fact.recurrence else ""
            text = f"detected {fact.symptom} on {fact.service} ({fact.severity}{again}): {fact.summary}"
        case Diagnosed():
            text = f"root cause: {fact.root_cause} (confidence {fact.confidence:.2f}, attempt {fact.attempt})"
        case Ruled():
            held = sum(p.ok is True for p in fact.predicates)
            text = f"ruled {fact.ruling}: {held} of {len(fact.predicates)} rules hold"
        case Commanded():
            text = f"{fact.login} ({fact.permission}) said /{fact.command}"
        case Began():
            text = f"began {fact.directive_id}"
        case Applied():
            how = "found done after a crash" if fact.settled else f"done in {fact.took_s:.1f} s"
            text = f"applied {fact.directive_id}, {how}"
        case Refused():
            text = f"refused {fact.directive_id}: {fact.precondition}"
        case Verified():
            text = f"verified {fact.outcome}, held {fact.held_s:.1f} s: {fact.detail}"
        case Learned():
            text = f"closed: {fact.actions} action(s), {fact.refusals} refusal(s), {fact.ineffective} without effect"
        case Advised():
            text = (
                f"{fact.model}, a model, on diagnosis {fact.attempt}: {len(fact.narrative)} sentence(s), not evidence"
            )
        case Escalated() | Stuck():
            text = f"{fact.kind}: {fact.reason}"
        case _:
            text = _about_a_pull(fact)
    return _printable(text)


def _about_a_pull(fact: AnyFact) -> str:
    match fact:
        case Proposed():
            text = f"pull request {fact.number} on {fact.base_sha[:10]}: {'; '.join(fact.changes)}"
        case Proved():
            text = f"pull request {fact.number} {fact.verdict} at {fact.head_sha[:10]}"
        case Merged():
            text = f"pull request {fact.number} merged by {fact.by} as {fact.merge_sha[:10]}"
        case Deployed():
            text = f"deploy of {fact.sha[:10]} {fact.outcome} after {fact.took_s:.1f} s: {fact.detail}"
        case Undone():
            text = f"taken back by pull request {fact.number} ({fact.why})"
        case Dispatched():
            text = f"handed to {fact.backend}: {fact.session}"
        case Planned():
            text = f"{fact.backend} plans: {fact.plan.splitlines()[0] if fact.plan else ''}"
        case Returned():
            text = f"{fact.backend} gave it back: {fact.reason}"
        case _:
            raise TypeError(fact)
    return text


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
