"""What changed just before: commits on the default branch that touch the service, the closer the heavier.

Weight: e² ≈ 7 : 1 at the moment of the commit, halving with every five minutes; a commit alone never outweighs a
container's state.
"""

from __future__ import annotations

from agents.brain.case import Case, Clue, evidence
from shared.incident.replay import Incident

NAME = "deploys"
NEAR_S = 300.0
MOST_PATHS = 50
"""A commit that touches more files than this is an import, not a change."""


def analyse(incident: Incident, case: Case) -> tuple[Clue, ...]:
    """Clues against recent commits that touch the detected service."""
    detected = incident.detected
    folder = detected.service.replace("-", "_")
    clues = []
    for commit in case.commits:
        age = (detected.since - commit.at).total_seconds()
        touches = any(folder in path or detected.service in path for path in commit.paths)
        if not touches or age < 0 or len(commit.paths) > MOST_PATHS:
            continue
        subject = commit.message.partition("\n")[0]
        seen = f"{commit.sha[:10]} by {commit.author}, {age:.0f} s before: {subject}"
        proof = evidence("commit", commit.sha[:10], seen, [commit.sha, *commit.paths], link=commit.url)
        why = f"commit {commit.sha[:10]} touched it {age:.0f} s before"
        clues.append(Clue(NAME, detected.service, "bad-deploy", 2.0 * 0.5 ** (age / NEAR_S), why, (proof,)))
    return tuple(clues)
