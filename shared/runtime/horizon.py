"""The incidents of a long time back, read beside the work: who decides now does not wait for months to be listed.

What changed within the last minutes is to be read fresh by whom it matters to; this is all the rest.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Final

import structlog

from shared.incident.replay import Incident
from shared.ports import Clock, Past, Permanent, Transient

_log = structlog.get_logger()
STALE_S: Final = 60.0
"""After this many seconds it is read again, in the background."""


class Horizon:
    """Callable: the incidents that changed within `window`. The first call waits for them, no later one does."""

    def __init__(self, past: Past, window: timedelta, clock: Clock) -> None:
        self._past = past
        self._window = window
        self._clock = clock
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="horizon")
        self._lock = threading.Lock()
        self._reading: Future[tuple[Incident, ...]] | None = None
        self._known: tuple[float, tuple[Incident, ...]] | None = None

    def __call__(self) -> tuple[Incident, ...]:
        """Raises Transient, Permanent only while nothing was ever read."""
        known, reading = self._known, self.refresh()
        return known[1] if known is not None else reading.result()

    def refresh(self) -> Future[tuple[Incident, ...]]:
        """Begin to read, where what is known is stale and nobody reads."""
        with self._lock:
            stale = self._known is None or self._clock.monotonic() - self._known[0] > STALE_S
            if self._reading is None or (stale and self._reading.done()):
                self._reading = self._pool.submit(self._read)
            return self._reading

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _read(self) -> tuple[Incident, ...]:
        try:
            found = self._past.recent(self._window)
        except (Transient, Permanent) as failure:
            _log.warning("the logs of a long time back are not read", why=str(failure), known=self._known is not None)
            raise
        self._known = (self._clock.monotonic(), found)
        return found
