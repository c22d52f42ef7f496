"""Ten minutes of numbers, one a second: what was not told is missing, never zero. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

LENGTH: Final = 600
"""Seconds that are kept."""


class Series:
    """Numbers by whole second (epoch, UTC). `blank`: what stands for a second nobody told of."""

    def __init__(self, blank: float | None = None, length: int = LENGTH) -> None:
        self._blank, self._length = blank, length
        self._values: dict[int, float] = {}
        self._newest = 0

    def put(self, at: datetime, value: float | None) -> None:
        """The value of that second; None leaves it missing."""
        self._make_room(second(at))
        if value is not None and math.isfinite(value):
            self._values[second(at)] = round(value, 4)

    def add(self, at: datetime, by: float = 1.0) -> None:
        """Count something that happened in that second; what is older than the window is left out."""
        at_s = second(at)
        self._make_room(at_s)
        if at_s > self._newest - self._length:
            self._values[at_s] = self._values.get(at_s, 0.0) + by

    def at(self, at_s: int) -> float | None:
        return self._values.get(at_s, self._blank)

    def window(self, start: int, end: int) -> list[float | None]:
        """One number for each second from `start` up to and without `end`."""
        return [self._values.get(s, self._blank) for s in range(start, end)]

    def _make_room(self, at_s: int) -> None:
        if at_s <= self._newest:
            return
        self._newest = at_s
        if len(self._values) >= 2 * self._length:
            self._values = {s: v for s, v in self._values.items() if s > at_s - self._length}


def second(at: datetime) -> int:
    """The whole second that `at` falls into, epoch."""
    return int(at.timestamp())


def moment(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
