"""What Escalation reads: who set the `jules-fix` label and what they may do; how far the session at work is."""

from __future__ import annotations

from collections.abc import Mapping

from agents.escalation.judge import Seen, judge, of_this_session
from shared.agent import Effect
from shared.incident.facts import Escalated, Proposed
from shared.incident.labels import JULES_FIX
from shared.incident.record import Role
from shared.incident.replay import Incident
from shared.incident.status import TRANSITIONS, Status
from shared.ports import Backend, Issues, People, Session
from shared.source import Pull, Source


class Escalation:
    """Fulfils `shared.agent.Agent`. `backends`: by name, the first is tried first."""

    role: Role = "escalation"

    def __init__(
        self,
        people: People,
        issues: Issues,
        fleet: frozenset[str],
        backends: Mapping[str, Backend] | None = None,
        source: Source | None = None,
    ) -> None:
        self._people = people
        self._issues = issues
        self._fleet = fleet
        self._backends = backends or {}
        self._source = source

    def concerns(self, incident: Incident) -> bool:
        if incident.closed:
            return False
        labelled = JULES_FIX in incident.labels
        if incident.status is Status.ESCALATED:  # labels follow the log later; a person may take this one off
            return labelled or Status.ESCALATED.value not in incident.labels
        return labelled and "escalated" in TRANSITIONS[incident.status]

    def look(self, incident: Incident) -> Seen:
        """Raises Transient when the session at work, or GitHub, does not answer."""
        now = self._issues.now()
        if incident.status is Status.ESCALATED:
            session = self._session(incident)
            pull = self._pull(session) if session is not None else None
            return Seen(None, "none", now, tuple(self._backends), session, pull)
        login = self._labeller(incident)
        return Seen(login, self._people.permission(login) if login else "none", now)

    def judge(self, incident: Incident, seen: Seen) -> Effect | None:
        return judge(incident, seen)

    def _labeller(self, incident: Incident) -> str | None:
        """The newest labelling counts once, if a person did it after the firing began: /retry is not undone by it."""
        since, handed_on = incident.firing[0].posted_at, [e for e in incident.firing if isinstance(e.fact, Escalated)]
        setters = [e for e in self._people.labelled(incident.number) if e.label == JULES_FIX and e.at >= since]
        if handed_on:
            setters = [e for e in setters if e.at > handed_on[-1].posted_at]
        return setters[-1].login if setters and setters[-1].login not in self._fleet else None

    def _session(self, incident: Incident) -> Session | None:
        """The session at work as its backend tells it; not asked any more once its pull request is known."""
        at_work = incident.session
        if at_work is None or any(isinstance(e.fact, Proposed) for e in of_this_session(incident)):
            return None
        backend = self._backends.get(at_work.backend)
        return backend.look(at_work.session) if backend is not None else None

    def _pull(self, session: Session) -> Pull | None:
        if session.pull is None or self._source is None:
            return None
        return self._source.pull(session.pull.number)
