"""What the event stream says: purchases are refused although every request is answered, so a rule did it.

Weight: refusing without errors is what a business rule does (e³ ≈ 20 : 1); the traces' error clues compete with it.
"""

from __future__ import annotations

from agents.brain.case import Case, Clue
from shared.incident.replay import Incident

NAME = "business"


def analyse(incident: Incident, case: Case) -> tuple[Clue, ...]:
    """A clue when conversion fell."""
    del case
    detected = incident.detected
    if detected.symptom != "conversion":
        return ()
    why = "purchases are refused, requests are answered"
    return (Clue(NAME, detected.service, "business-rule", 3.0, why, detected.evidence),)
