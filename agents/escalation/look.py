"""What Escalation reads: who set the `jules-fix` label, and what they may do."""

from __future__ import annotations

from agents.escalation.judge import Seen, judge
from shared.agent import Effect
from shared.incident.facts import Escalated
from shared.incident.labels import JULES_FIX
from shared.incident.record import Role
from shared.incident.replay import Incident
from shared.incident.status import TRANSITIONS
from shared.ports import People


class Escalation:
    """Fulfils `shared.agent.Agent`."""

    role: Role = "escalation"

    def __init__(self, people: People, fleet: frozenset[str]) -> None:
        self._people = people
        self._fleet = fleet

    def concerns(self, incident: Incident) -> bool:
        asked = JULES_FIX in incident.labels and "escalated" in TRANSITIONS[incident.status]
        return asked and not incident.closed

    def look(self, incident: Incident) -> Seen:
        """The newest labelling counts once, if a person did it after the firing began: /retry is not undone by it."""
        since, handed_on = incident.firing[0].posted_at, [e for e in incident.firing if isinstance(e.fact, Escalated)]
        setters = [e for e in self._people.labelled(incident.number) if e.label == JULES_FIX and e.at >= since]
        if handed_on:
            setters = [e for e in setters if e.at > handed_on[-1].posted_at]
        if not setters or setters[-1].login in self._fleet:
            return Seen(None, "none")
        login = setters[-1].login
        return Seen(login, self._people.permission(login))

    def judge(self, incident: Incident, seen: Seen) -> Effect | None:
        return judge(incident, seen)
