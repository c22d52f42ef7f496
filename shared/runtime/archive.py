"""Earlier incidents, replayed from GitHub and kept while their issue does not change. Fulfils `shared.ports.Past`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

from shared.incident.replay import Incident, replay
from shared.incident.signing import Keyring
from shared.incident.thread import Thread
from shared.ports import Issues, Permanent

_SETTLED = timedelta(seconds=2)
"""GitHub's times have one-second resolution: a reading this soon after a change may miss another of the same second."""


class Archive:
    """Reads one list, then only the issues in it that changed since they were last read."""

    def __init__(self, issues: Issues, keyring: Keyring) -> None:
        self._issues = issues
        self._keyring = keyring
        self._kept: dict[int, tuple[datetime, Incident]] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="archive")

    def recent(self, window: timedelta, besides: int = 0) -> tuple[Incident, ...]:
        """Incidents that changed within `window` (GitHub's clock), oldest first, without issue `besides`."""
        now = self._issues.now()
        since = (now - window).replace(minute=0, second=0, microsecond=0)  # the same request for an hour: ETags hold
        listed = [t for t in self._issues.incidents(state="all", since=since) if t.updated_at >= now - window]
        wanted = sorted((t for t in listed if t.number != besides), key=lambda t: t.number)
        return tuple(self._pool.map(lambda t: self._replayed(t, now), wanted))

    def named(self, numbers: Sequence[int]) -> tuple[Incident, ...]:
        """These incidents, however old, as they stand now; what is no incident, or no issue, is left out."""
        found = self._pool.map(self._read, sorted(set(numbers)))
        return tuple(i for i in found if i is not None and i.is_incident)

    def _read(self, number: int) -> Incident | None:
        try:
            return replay(self._issues.thread(number), self._keyring)
        except Permanent:
            return None

    def _replayed(self, listed: Thread, now: datetime) -> Incident:
        with self._lock:
            kept = self._kept.get(listed.number)
        if kept is not None and kept[0] == listed.updated_at:
            return replace(kept[1], labels=listed.labels)  # a label may come without moving the time of the change
        incident = replay(self._issues.thread(listed.number), self._keyring)
        if now - listed.updated_at > _SETTLED:
            with self._lock:
                self._kept[listed.number] = (listed.updated_at, incident)
        return incident
