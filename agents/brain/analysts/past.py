"""What happened before: earlier incidents of the same fault whose cause was acted on and verified.

Weight: each verified earlier diagnosis of the same fingerprint adds e^0.5; ineffective ones take as much away.
"""

from __future__ import annotations

from agents.brain.case import Case, Clue, evidence
from shared.incident.facts import Detected, Diagnosed, Verified
from shared.incident.replay import Incident

NAME = "past"
STEP = 0.5
MOST = 4


def analyse(incident: Incident, case: Case) -> tuple[Clue, ...]:
    """Clues from earlier firings with the same fingerprint, in this issue or another."""
    fingerprint = incident.detected.fingerprint
    clues = []
    for earlier in case.earlier:
        diagnosed: Diagnosed | None = None
        same = False
        for entry in earlier.entries:
            match entry.fact:
                case Detected() as d:
                    same, diagnosed = d.fingerprint == fingerprint, None
                case Diagnosed() as d:
                    diagnosed = d
                case Verified(outcome=outcome) if same and diagnosed is not None and outcome != "recovered":
                    sign = 1 if outcome == "healthy" else -1
                    seen = f"#{earlier.number}: {diagnosed.root_cause}, {diagnosed.directive.verb} was {outcome}"
                    proof = evidence("incident", str(earlier.number), seen, entry.digest, link=earlier.url)
                    why = f"the same fault in #{earlier.number}, {outcome} after {diagnosed.directive.verb}"
                    clues.append(Clue(NAME, diagnosed.service, diagnosed.cause, sign * STEP, why, (proof,)))
                case _:
                    pass
    return tuple(clues[-MOST:])
