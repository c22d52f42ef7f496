"""GitHub's clock, narrowed down from the `Date` headers of its answers."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from shared.ports import Clock


class ServerClock:
    """Thread-safe. `Date` has whole seconds, so each answer bounds the server's time from below and above."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset: float | None = None
        self._lock = threading.Lock()

    def saw(self, date: str, sent: float, received: float) -> None:
        """Take in a `Date` header of a request sent and answered at these local monotonic times (s)."""
        try:
            at = parsedate_to_datetime(date).timestamp()
        except (ValueError, TypeError):
            return
        earliest, latest = at - received, at + 1.0 - sent
        with self._lock:
            offset = earliest if self._offset is None else max(self._offset, earliest)
            self._offset = min(offset, latest)

    @property
    def known(self) -> bool:
        return self._offset is not None

    def now(self) -> datetime:
        """GitHub's time (UTC); the local clock's before the first answer."""
        with self._lock:
            if self._offset is None:
                return self._clock.now()
            return datetime.fromtimestamp(self._offset + self._clock.monotonic(), UTC)
