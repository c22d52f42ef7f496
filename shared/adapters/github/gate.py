"""Keeps every request back while GitHub wants none, in this process and (through a file) in its siblings."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import structlog

from shared.adapters.github.backoff import NEVER_LONGER, backoff
from shared.ports import Clock, Transient

_log = structlog.get_logger()


class Gate:
    """Thread-safe. `shared`: a file the processes of one account on this host tell each other through, or None."""

    def __init__(self, clock: Clock, shared: Path | None = None) -> None:
        self._clock = clock
        self._shared = shared
        self._until = 0.0
        self._attempt = 0
        self._stamp: tuple[int, int] | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise Transient while closed."""
        with self._lock:
            self._listen()
            left = self._until - self._clock.monotonic()
        if left > 0:
            raise Transient(f"GitHub asked this account to pause; {left:.0f} s are left", retry_after=left)

    def judge(self, status: int, headers: Mapping[str, str], body: str, now: datetime) -> float | None:
        """Close when the answer is a limit and return the seconds; else note that the account is welcome."""
        with self._lock:
            closed = self._until > self._clock.monotonic()
            seconds = backoff(status, headers, body, self._attempt, now)
            if seconds is None:
                if not closed and status < 500:
                    self._attempt = 0
                return None
            if not closed:  # the answers of requests that were already under way count as one
                self._attempt += 1
            self._until = max(self._until, self._clock.monotonic() + seconds)
            self._tell(seconds)
        _log.warning("github limits this account", status=status, pause_s=round(seconds, 1))
        return seconds

    def _tell(self, seconds: float) -> None:
        if self._shared is None:
            return
        part = self._shared.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        try:
            part.write_text(f"{self._clock.now().timestamp() + seconds:.3f}", encoding="ascii")
            part.replace(self._shared)
        except OSError as error:
            _log.warning("the pause is not shared", why=str(error))

    def _listen(self) -> None:
        if self._shared is None:
            return
        try:
            found = self._shared.stat()
            stamp = (found.st_mtime_ns, found.st_ino)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            left = float(self._shared.read_text(encoding="ascii")) - self._clock.now().timestamp()
        except (OSError, ValueError):
            return
        if 0 < left <= NEVER_LONGER:
            self._until = max(self._until, self._clock.monotonic() + left)
