"""What Memory does again and again beside the worker's loop, in a thread of its own: no incident waits for it.

Each round leads to the same end from whatever there is, so it does not matter how often it is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from shared.ports import Permanent, Transient

_log = structlog.get_logger()
LONGEST_PAUSE_S: Final = 300.0
SPACING_S: Final = 1.0
"""Between two rounds, however often it is woken."""


class Rounds:
    """`one` is a round; Transient and Permanent mean later, anything else ends the worker (`check`)."""

    def __init__(self, name: str, one: Callable[[], object], every: timedelta) -> None:
        self._name = name
        self._one = one
        self._every = every.total_seconds()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._bug: BaseException | None = None
        self.trouble = "it has not been done yet"
        """Why the last round failed; empty where it did not."""

    @property
    def stopping(self) -> bool:
        """Whether a long round should end early."""
        return self._stopping.is_set()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Do a round soon. Never blocks."""
        self._woken.set()

    def stop(self) -> None:
        """End it; waits for a round under way no longer than a worker may take to stop."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def check(self) -> None:
        """Raise what ended the thread, if anything did. A worker calls this in its loop."""
        if self._bug is not None:
            raise RuntimeError(f"the thread of the {self._name} ended") from self._bug

    def _run(self) -> None:
        failures = 0
        try:
            while not self._stopping.is_set():
                self._woken.clear()
                failures = 0 if self._done() else failures + 1
                pause = min(2.0**failures, LONGEST_PAUSE_S) if failures else self._every
                self._stopping.wait(SPACING_S)
                self._woken.wait(pause)
        except BaseException as bug:  # noqa: BLE001  handed over whole: `check` raises it again
            _log.critical("a thread ended", thread=self._name, exc_info=bug)
            self._bug = bug

    def _done(self) -> bool:
        try:
            self._one()
        except (Transient, Permanent) as failure:
            if str(failure) != self.trouble:
                _log.warning("later", thread=self._name, why=str(failure))
            self.trouble = str(failure)
            return False
        self.trouble = ""
        return True
