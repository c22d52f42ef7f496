"""What changed just before: commits on the default branch that touch a service's code or configuration.

Weight: e² ≈ 7 : 1 at the moment of the commit, halving with every five minutes; a commit alone never outweighs a
container's state.
"""

from __future__ import annotations

from typing import Final

from agents.brain.case import Case, Clue, evidence
from agents.brain.reading import Reading
from shared.incident.evidence import SERVICE_NAME
from shared.incident.replay import Incident

NAME: Final = "deploy"
NEAR_S: Final = 300.0
MOST_PATHS: Final = 50
"""A commit that touches more files than this is an import, not a change."""


def analyse(incident: Incident, case: Case, reading: Reading) -> tuple[Clue, ...]:
    """One clue about each service that a recent commit touches, from the commit nearest to the onset."""
    detected = incident.detected
    services = {detected.service, *case.containers, *reading.measured.during.spans}
    clues: dict[str, Clue] = {}
    for commit in sorted(case.commits, key=lambda c: c.at, reverse=True):
        age = round((detected.since - commit.at).total_seconds())
        if age < 0 or len(commit.paths) > MOST_PATHS:
            continue
        for service in sorted(s for s in services if SERVICE_NAME.fullmatch(s)):
            folder = service.replace("-", "_")
            if service in clues or not any(folder in path or service in path for path in commit.paths):
                continue
            subject = commit.message.partition("\n")[0]
            seen = f"{commit.sha[:10]} by {commit.author}, {age} s before: {subject}"
            verbatim = {
                "sha": commit.sha,
                "author": commit.author,
                "subject": subject,
                "seconds_before": age,
                "paths": list(commit.paths),
            }
            proof = evidence("commit", commit.sha[:10], seen, verbatim, link=commit.url)
            why = f"commit {commit.sha[:10]} touched it {age} s before"
            nats = 2.0 * 0.5 ** (age / NEAR_S)
            clues[service] = Clue(NAME, "commits", service, "bad-deploy", nats, why, (proof,))
    return tuple(clues.values())
