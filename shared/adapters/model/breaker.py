"""A circuit breaker: an endpoint that keeps failing is left alone for a growing while, then tried once."""

from __future__ import annotations

from typing import Final

AFTER: Final = 3
"""Failures in a row that open it."""
FIRST_S: Final = 30.0
LONGEST_S: Final = 900.0


class Breaker:
    """Closed, open until a time, or half-open: one trial. Times are `Clock.monotonic()` seconds. One caller."""

    def __init__(self) -> None:
        self._failures = 0
        self._rest = FIRST_S
        self._open_until: float | None = None
        self.last = ""
        """The failure that counts, in words."""

    def closed_for(self, now: float) -> float:
        """Seconds until a call may be made; 0 when one may be made now."""
        return max(self._open_until - now, 0.0) if self._open_until is not None else 0.0

    def failed(self, why: str, now: float, *, at_once: bool = False, rest_s: float | None = None) -> None:
        """Count one failure. `at_once`: trying again soon is pointless (a refused key). `rest_s`: the server's wish."""
        self.last = why
        self._failures += 1
        if rest_s is not None:
            self._open_until = now + min(max(rest_s, 1.0), LONGEST_S)
        elif at_once:
            self._open_until = now + LONGEST_S
        elif self._failures >= AFTER:
            self._open_until = now + self._rest
            self._rest = min(self._rest * 2, LONGEST_S)

    def worked(self) -> None:
        """One good answer closes it."""
        self._failures = 0
        self._rest = FIRST_S
        self._open_until = None
