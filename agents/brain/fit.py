"""Whether a hypothesis explains the symptom at all: the right place, and a cause that brings such a symptom about.

These are odds set by what the symptom means, not counted: Scout has found where it begins with its own arithmetic, so
the detected service itself is likelier than what it calls, and what it does not call is hardly the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agents.brain.causes import EXPLAINS, INDIRECTLY
from agents.brain.reading import Reading
from shared.incident.parts import UNAVAILABLE, Cause, Symptom
from shared.incident.replay import Incident

NAME: Final = "fit"
HERE: Final = 4.0
BENEATH: Final[Mapping[Symptom, float]] = {"oom": -3.0, "crash": -3.0, "unresponsive": -2.0}
"""What a service calls does not end its container, and hardly keeps it from answering for its health."""
UNCONNECTED: Final = -7.0
"""It may well be broken, but not so that this symptom comes of it."""
UNKNOWN_WAY: Final = -1.0
"""Nothing is known of who calls whom."""
MISFIT: Final = -3.0
NEVER: Final = -8.0
"""A container that has ended has not ended of anything else."""
INDIRECT: Final = -2.0


def fit(incident: Incident, reading: Reading, service: str, cause: Cause) -> tuple[float, str]:
    """Nats and the reason: for the place, and against a cause that does not bring this symptom about."""
    detected, measured = incident.detected, reading.measured
    if cause in EXPLAINS[detected.symptom]:
        kind, said = 0.0, ""
    elif cause in INDIRECTLY.get(detected.symptom, frozenset()):
        kind, said = INDIRECT, f"; {cause} brings {detected.symptom} about only through callers"
    else:
        worst = NEVER if detected.symptom in UNAVAILABLE else MISFIT
        kind, said = worst, f"; {cause} does not bring {detected.symptom} about"
    if service == detected.service:
        place, where = (HERE, "the symptom is here") if not kind else (0.0, "the symptom is here")
    elif service in measured.beneath(detected.service):
        place, where = BENEATH.get(detected.symptom, 0.0), f"{detected.service} depends on it"
    elif any(detected.service in edge for edge in measured.edges):
        place, where = UNCONNECTED, f"{detected.service} does not call it"
    else:
        place, where = UNKNOWN_WAY, "who calls whom is not known"
    return place + kind, where + said
