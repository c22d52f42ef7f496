"""What Memory reads: the earlier incidents inside the window, and for who asks those that are like one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from agents.memory.judge import PATIENCE, Seen, judge
from agents.memory.similar import Similar
from agents.memory.words import Asked, answer, unanswered
from shared.agent import Effect
from shared.incident.record import Role
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.ports import Issues, Past, People, Permanent


class Memory:
    """Fulfils `shared.agent.Agent`."""

    role: Role = "memory"

    def __init__(
        self,
        issues: Issues,
        past: Past,
        window: timedelta,
        ended: Callable[[], None] = lambda: None,
        asking: tuple[People, Similar] | None = None,
    ) -> None:
        """`ended`: called when an incident is seen closed with its log at the end; must not take time. `asking`: for
        `/similar`; without it nobody answers that."""
        self._ended = ended
        self._asking = asking
        self._issues = issues
        self._past = past
        self._window = window
        self._open: dict[int, tuple[datetime, datetime]] = {}
        """When an issue whose log has ended was seen open first and last."""
        self._closed: dict[int, int] = {}
        """How many facts an issue had when it was seen closed at its end."""

    def concerns(self, incident: Incident) -> bool:
        if incident.status is Status.CLOSED and incident.closed:
            self._open.pop(incident.number, None)
            self._closed[incident.number] = len(incident.entries)
            self._ended()
        ends = incident.status is Status.FIXED or (incident.status is Status.CLOSED and not incident.closed)
        return ends or self._asked(incident)

    def look(self, incident: Incident) -> Seen | Asked:
        """What an ending needs; where nothing ends, what answers who asks."""
        ends = incident.status is Status.FIXED or (incident.status is Status.CLOSED and not incident.closed)
        if not ends and self._asked(incident):
            return self._what_is_like(incident)
        earlier = self._past.recent(self._window, besides=incident.number)
        now = self._issues.now()
        first, last = self._open.get(incident.number, (now, now))
        if now - last > 3 * PATIENCE:
            first = now  # it was closed in between
        self._open[incident.number] = (first, now)
        again = self._closed.get(incident.number) == len(incident.entries)
        return Seen(now, first, earlier, self._window, again)

    def _asked(self, incident: Incident) -> bool:
        return self._asking is not None and incident.is_incident and unanswered(incident) is not None

    def _what_is_like(self, incident: Incident) -> Asked:
        command = unanswered(incident)
        if self._asking is None or command is None:
            raise Permanent("nobody asks")
        people, similar = self._asking
        return Asked(command, people.permission(command.login), *similar.to(incident, self._issues.now()))

    def judge(self, incident: Incident, seen: Seen | Asked) -> Effect | None:
        return answer(incident, seen) if isinstance(seen, Asked) else judge(incident, seen)
