"""Which commands fit an incident as it stands: for the status card, `/help`, the terminal and the dashboard. Pure."""

from __future__ import annotations

from shared.incident.commands import TABLE
from shared.incident.replay import Incident
from shared.incident.status import TRANSITIONS, Status


def fits(incident: Incident) -> tuple[str, ...]:
    """The commands (`"/approve"`) that would do or show something now, in the order of the table.

    Whether a person may use one is asked when it is said. What the log cannot tell (an argument, a silence on another
    incident) is not looked at.
    """
    return tuple(f"/{row.name}" for row in TABLE if incident.is_incident and _fits(incident, row.name))


def _fits(incident: Incident, name: str) -> bool:
    match name:
        case "hold":
            return not incident.held and incident.status is not Status.CLOSED
        case "unhold":
            return incident.held
        case "explain" | "similar" | "postmortem" | "help":
            return True
    if f"commanded:{name}" not in TRANSITIONS.get(incident.status, {}):
        return False
    match name:
        case "approve" | "deny" if incident.status is Status.ESCALATED:
            return incident.plan is not None
        case "approve":
            return incident.directive is not None
        case "undo":
            return incident.standing is not None
        case "focus" | "reject":
            return bool(incident.listed())
        case _:
            return True
