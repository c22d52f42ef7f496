"""What happens next on an incident, and when, as its log says: for the status card and the dashboard. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from shared.incident.facts import Commanded
from shared.incident.replay import Incident
from shared.incident.status import Status

NEXT: Final[dict[Status, str]] = {
    Status.NEW: "",
    Status.DETECTED: "Brain looks for the root cause.",
    Status.DIAGNOSED: "Guardrail rules on what is proposed.",
    Status.NEEDS_APPROVAL: "Waits for a person.",
    Status.APPROVED: "Fixer acts.",
    Status.FIXING: "Fixer is acting.",
    Status.VERIFYING: "Scout watches whether it helped.",
    Status.UNDOING: "Fixer takes the change back.",
    Status.FIXED: "Memory writes the post-mortem and closes.",
    Status.ESCALATED: "Handed on: what the fleet may do alone is not the answer.",
    Status.NEEDS_HUMAN: "Waits for a person: the fleet cannot go on alone.",
    Status.CLOSED: "",
}
STOPPABLE: Final = frozenset((Status.DETECTED, Status.DIAGNOSED, Status.APPROVED, Status.FIXING, Status.UNDOING))
"""Where a hold or a silence stands between the fleet and its next action."""


def outlook(incident: Incident) -> str:
    """One or two sentences; what is said of times is GitHub's clock, UTC. Empty when nothing is to come."""
    said = [_handed_on(incident) or NEXT[incident.status]]
    until = incident.permit_expires_at
    if incident.status is Status.APPROVED and until is not None:
        said.append(f"Its permit ends at {_at(until)}.")
    if incident.status in STOPPABLE and incident.held:
        said.append("Held by the label sre:hold: nothing is touched until /unhold.")
    quiet = silenced(incident)
    if quiet is not None and quiet.expires_at is not None and incident.status is not Status.CLOSED:
        who = f"{quiet.login} wants no action for {', '.join(quiet.silences)}"
        said.append(f"Silenced: {who} until {_at(quiet.expires_at)}, unless /silence off is said before.")
    return " ".join(filter(None, said))


def _handed_on(incident: Incident) -> str:
    """What the Tier-3 session at work is at; empty without one."""
    if incident.status is not Status.ESCALATED:
        return ""
    if incident.plan is not None:
        return f"{incident.plan.backend} shows its plan and waits for a person."
    return f"{incident.session.backend} works on it." if incident.session is not None else ""


def silenced(incident: Incident) -> Commanded | None:
    """The newest /silence of this log, unless it is off. Whether its time has passed is not looked at."""
    said = next((c for c in reversed(incident.all(Commanded)) if c.command == "silence"), None)
    return said if said is not None and said.expires_at is not None else None


def _at(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"
