"""What Memory reads: the earlier incidents inside the window."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from agents.memory.judge import PATIENCE, Seen, judge
from shared.agent import Effect
from shared.incident.record import Role
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.ports import Issues, Past


class Memory:
    """Fulfils `shared.agent.Agent`."""

    role: Role = "memory"

    def __init__(self, issues: Issues, past: Past, window: timedelta, ended: Callable[[], None] = lambda: None) -> None:
        """`ended`: called when an incident is seen closed with its log at the end; must not take time."""
        self._ended = ended
        self._issues = issues
        self._past = past
        self._window = window
        self._open: dict[int, tuple[datetime, datetime]] = {}

    def concerns(self, incident: Incident) -> bool:
        if incident.status is Status.CLOSED and incident.closed:
            self._ended()
        return incident.status is Status.FIXED or (incident.status is Status.CLOSED and not incident.closed)

    def look(self, incident: Incident) -> Seen:
        earlier = self._past.recent(self._window, besides=incident.number)
        now = self._issues.now()
        first, last = self._open.get(incident.number, (now, now))
        if now - last > 3 * PATIENCE:
            first = now  # it was closed in between
        self._open[incident.number] = (first, now)
        return Seen(now, first, earlier, self._window)

    def judge(self, incident: Incident, seen: Seen) -> Effect | None:
        return judge(incident, seen)
