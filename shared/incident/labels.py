"""Labels are a projection of the log: what they should be, and the single additions and removals that lead there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.incident.facts import Commanded, Detected, Escalated
from shared.incident.replay import Incident
from shared.incident.status import SEVERITY_LABEL, Status

INCIDENT: Final = "incident"
JULES_FIX: Final = "jules-fix"
HOLD: Final = "sre:hold"
FREEZE: Final = "sre:freeze"
PULSE: Final = "sre:heartbeat"
"""On nothing; its description says when the fleet was last heard (mission_control/fleet/pulse.py)."""
FORGET: Final = "sre:forget"
"""An issue with this label teaches nothing: it is in no index, and no judgement counts it."""
SILENT: Final = "sre:silent"
REPORT: Final = "report"
DASHBOARD: Final = "sre:dashboard"
"""The one issue that shows the fleet (mission_control/herald/board.py)."""
AUTO_FIX: Final = "sre-auto-fix"
AUTO_MERGED: Final = "Auto-Merged"
LEARNED: Final = "Learning: Indexed"
MEMORY: Final = "sre-memory"
UNVERIFIED: Final = "unverified"
_OURS: Final = frozenset((*(status.value for status in Status), LEARNED))

CATALOGUE: Final[dict[str, tuple[str, str]]] = {
    INCIDENT: ("b60205", "Something is wrong in production"),
    Status.DETECTED: ("d93f0b", "A symptom crossed its test"),
    Status.DIAGNOSED: ("fbca04", "The root cause is known"),
    Status.NEEDS_APPROVAL: ("e99695", "Waits for a person's /approve"),
    Status.APPROVED: ("c2e0c6", "Policy or a person allows the action"),
    Status.FIXING: ("1d76db", "The Fixer is acting"),
    Status.VERIFYING: ("5319e7", "Scout watches whether it helped"),
    Status.UNDOING: ("5319e7", "A change is being taken back"),
    Status.FIXED: ("0e8a16", "Verified healthy"),
    Status.ESCALATED: ("b60205", "Handed on: more than a restart is needed"),
    Status.NEEDS_HUMAN: ("b60205", "The fleet cannot go on alone"),
    LEARNED: ("bfdadc", "Closed, and found again when something like it happens"),
    JULES_FIX: ("6f42c1", "Hand this to a Tier-3 coding agent"),
    HOLD: ("000000", "The fleet does nothing about this incident"),
    FORGET: ("000000", "This incident teaches the fleet nothing: it is taken out of what is found again"),
    FREEZE: ("000000", "An open issue with this label stops every action of the fleet"),
    PULSE: ("ededed", "Not heard yet: on no issue, the herald writes here when the fleet was last heard"),
    SILENT: ("d93f0b", "Opened and closed by the watchdog: the fleet is not heard"),
    DASHBOARD: ("1d76db", "The issue that shows the fleet: kept by the herald, one of it"),
    REPORT: ("d4c5f9", "A person's report: people read it, the fleet does not"),
    AUTO_FIX: ("0e8a16", "A pull request of the fleet"),
    AUTO_MERGED: ("5319e7", "Merged by the fleet, as policy allows"),
    UNVERIFIED: ("e99695", "A pull request of which not everything could be shown"),
    MEMORY: ("c5def5", "A post-mortem, runbook or grant that Memory proposes; people merge it"),
    "severity:critical": ("b60205", "A service is down"),
    "severity:major": ("d93f0b", "Customers notice"),
    "severity:minor": ("fbca04", "Worth knowing"),
}
"""Colour (hex) and description of every label of the fleet. deploy/labels.yaml is made from it."""


@dataclass(frozen=True, slots=True)
class LabelPlan:
    """Labels to add and to remove, one at a time."""

    add: tuple[str, ...]
    remove: tuple[str, ...]


def opening(fact: Detected) -> tuple[str, ...]:
    """The labels an issue is opened with."""
    return (INCIDENT, f"service:{fact.service}", SEVERITY_LABEL[fact.severity], Status.DETECTED.value)


def wanted(incident: Incident) -> frozenset[str]:
    """The fleet's labels as the log says they should be."""
    if not incident.is_incident:
        return frozenset()
    labels = {INCIDENT, f"service:{incident.detected.service}", SEVERITY_LABEL[incident.detected.severity]}
    if incident.status is not Status.CLOSED:
        labels.add(incident.status.value)
    elif LEARNED in incident.labels:  # whether it is in the index, the log does not say: agents/memory/librarian.py
        labels.add(LEARNED)
    last = incident.firing
    if any(
        isinstance(e.fact, Escalated) or (isinstance(e.fact, Commanded) and e.fact.command == "escalate") for e in last
    ):
        labels.add(JULES_FIX)
    return frozenset(labels)


def plan(incident: Incident) -> LabelPlan:
    """What to change. Labels of people are never touched; removed are only statuses that no longer hold."""
    want = wanted(incident)
    if not want:
        return LabelPlan((), ())
    stale = (incident.labels & _OURS) - want
    status = incident.status.value  # the last to come: the others are there when it is
    return LabelPlan(
        tuple(sorted(want - incident.labels, key=lambda label: (label == status, label))), tuple(sorted(stale))
    )
