"""What changed just before: commits on the default branch that mean something to a service.

A commit that sets a lever of the service or changes its code weighs e⁴ ≈ 55 : 1 when it was deployed at the onset,
halving (in nats) with every five minutes: most faults that begin with a deploy begin within it. Where what a commit
means could not be read, its paths alone weigh e² at most. A commit alone never outweighs a container's state.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agents.brain.case import Case, Clue, Touch, evidence
from agents.brain.reading import Reading
from agents.brain.remedy import suspects
from shared.incident.evidence import SERVICE_NAME
from shared.incident.replay import Incident
from shared.ports import Commit

NAME: Final = "deploy"
NEAR_S: Final = 300.0
MEANT: Final = 4.0
NAMED: Final = 2.0
MOST_PATHS: Final = 50
"""A commit that touches more files than this is an import, not a change."""


def analyse(incident: Incident, case: Case, reading: Reading) -> tuple[Clue, ...]:
    """One clue about each service that a recent commit touches, from the commit nearest to the onset."""
    detected = incident.detected
    services = {detected.service, *case.containers, *reading.measured.during.spans}
    known = sorted(s for s in services if SERVICE_NAME.fullmatch(s))
    clues: dict[str, Clue] = {}
    for clue in (*_meant(incident, case, known), *_named(incident, case, known)):
        clues.setdefault(clue.service, clue)
    return tuple(clues.values())


def _meant(incident: Incident, case: Case, services: list[str]) -> Iterator[Clue]:
    """By what the commits mean, the newest before the onset first. A commit cleared of this fault is left out."""
    onset = incident.detected.since
    commits = {c.sha: c for c in case.commits}
    for touch in sorted(suspects(incident, case), key=lambda t: t.at, reverse=True):
        commit = commits.get(touch.sha)
        if commit is None:
            continue
        age = max(round((onset - touch.at).total_seconds()), 0)
        for service in services:
            if service in touch.services:
                yield _clue(commit, service, age, MEANT, _told(touch, service), touch)


def _named(incident: Incident, case: Case, services: list[str]) -> Iterator[Clue]:
    """By paths alone, where the meaning could not be read at all."""
    if case.desired is not None or case.touches:
        return
    for commit in sorted(case.commits, key=lambda c: c.at, reverse=True):
        age = round((incident.detected.since - commit.at).total_seconds())
        if age < 0 or len(commit.paths) > MOST_PATHS:
            continue
        for service in services:
            folder = service.replace("-", "_")
            if any(folder in path or service in path for path in commit.paths):
                yield _clue(commit, service, age, NAMED, "touched it", None)


def _told(touch: Touch, service: str) -> str:
    levers = [f"{k.key} {k.before or 'unset'} to {k.after or 'unset'}" for k in touch.levers if k.service == service]
    verb = "deployed" if touch.deployed else "committed"
    return f"{verb} {', '.join(levers[:3]) or 'a change of its code'}"


def _clue(commit: Commit, service: str, age: int, weight: float, what: str, touch: Touch | None) -> Clue:
    subject = commit.message.partition("\n")[0]
    seen = f"{commit.sha[:10]} by {commit.author}, {age} s before: {subject}; {what}"
    verbatim: dict[str, object] = {
        "sha": commit.sha,
        "author": commit.author,
        "subject": subject,
        "seconds_before": age,
        "paths": list(commit.paths),
    }
    if touch is not None:
        verbatim["levers"] = [[k.service, k.key, k.before, k.after] for k in touch.levers]
        verbatim["at"] = touch.at.isoformat()
    proof = evidence("commit", commit.sha[:10], seen, verbatim, link=commit.url)
    why = f"commit {commit.sha[:10]} {what} {age} s before"
    return Clue(NAME, "commits", service, "bad-deploy", weight * 0.5 ** (age / NEAR_S), why, (proof,))
