"""Which incidents are due: wake-ups, deadlines and retries in one place, one entry per incident."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Agenda:
    """Thread-safe. An incident under way is not handed out again before `done`; a wake-up meanwhile is kept."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._due: dict[int, float] = {}
        self._busy: set[int] = set()
        self._poked = False
        self._change = threading.Condition()

    def wake(self, number: int) -> None:
        """Incident `number` is due now."""
        self.after(number, 0.0)

    def after(self, number: int, delay: float) -> None:
        """Incident `number` is due in `delay` seconds, unless it is due sooner already."""
        with self._change:
            due = self._monotonic() + max(delay, 0.0)
            self._due[number] = min(due, self._due.get(number, due))
            self._change.notify_all()

    def poke(self) -> None:
        """End the current wait, nothing being due."""
        with self._change:
            self._poked = True
            self._change.notify_all()

    def take(self, timeout: float) -> tuple[int, ...]:
        """The incidents that are due, waiting up to `timeout` seconds for the first; they are busy until `done`."""
        deadline = self._monotonic() + timeout
        with self._change:
            while True:
                now = self._monotonic()
                ready = tuple(n for n, due in self._due.items() if due <= now and n not in self._busy)
                if ready or self._poked or now >= deadline:
                    self._poked = False
                    for number in ready:
                        del self._due[number]
                        self._busy.add(number)
                    return ready
                next_due = min((d for n, d in self._due.items() if n not in self._busy), default=deadline)
                self._change.wait(max(min(next_due, deadline) - now, 0.001))

    def done(self, number: int) -> None:
        with self._change:
            self._busy.discard(number)
            self._change.notify_all()

    @property
    def busy(self) -> int:
        with self._change:
            return len(self._busy)
