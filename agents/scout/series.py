"""One sequential test over one stream of yes-or-no observations, with what is needed to tell a person about it."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Final

from shared.analysis.baseline import ShareBaseline
from shared.analysis.cusum import BernoulliCusum, CusumRun, design
from shared.incident.parts import Evidence

IN_CONTROL: Final = 1e8
"""Wanted observations between false alarms, for each stream: 96 days at 12 a second, 38 days at 30."""
GRID: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
"""The shares that tests are designed for: what was learned is rounded up to one of them."""
RELEARN: Final = 50
"""A stream's design is looked at again after so many quiet observations."""
PROOFS: Final = 3
"""Bad observations kept as evidence."""


def at_least(share: float) -> float:
    """The least share of the grid that is not below `share`; its greatest when there is none."""
    return next((g for g in GRID if g >= share - 1e-12), GRID[-1])


def errors_design(usual: float) -> BernoulliCusum:
    """For failures: p0 = max(usual, 0.5 %), p1 = 15 % or three times p0."""
    p0 = at_least(usual)
    return design(p0, min(max(0.15, 3 * p0), 0.9), IN_CONTROL)


def latency_design() -> BernoulliCusum:
    """For requests above the 95th percentile: p0 = 5 % by its definition, p1 = one in two."""
    return design(0.05, 0.5, IN_CONTROL)


def conversion_design(usual: float) -> BernoulliCusum:
    """For refused purchases: the share sold falls to six tenths of what is usual."""
    p0 = at_least(max(usual, 0.02))
    return design(p0, 1 - 0.6 * (1 - p0), IN_CONTROL)


class Series:
    """A CUSUM, since when it has been rising, and the last bad observations."""

    def __init__(self, test: BernoulliCusum) -> None:
        self.run = CusumRun(test)
        self.usual = ShareBaseline()
        self.since: datetime | None = None
        self.fired: datetime | None = None
        self.proofs: deque[Evidence] = deque(maxlen=PROOFS)
        self._unlearned = 0
        self._in_doubt: deque[bool] = deque(maxlen=1000)

    def take(self, bad: bool, started: datetime, now: datetime) -> bool:
        """One observation that began at `started`, read at `now`. True when it fires the test."""
        if self.run.value == 0 and not self.run.firing:
            self.since = started
            self.proofs.clear()
        fires = self.run.update(bad)
        if fires:
            self.fired = now
        elif not self.run.firing:
            self.fired = None
        return fires

    def learn(self, bad: bool) -> bool:
        """Let a quiet observation shape what is usual; True when it is time to look at the design again.

        It counts once the statistic is back at zero: the beginning of a fault teaches nothing.
        """
        if self.run.firing:
            self._in_doubt.clear()
            return False
        self._in_doubt.append(bad)
        if self.run.value:
            return False
        for known in self._in_doubt:
            self.usual.learn(known)
        self._unlearned += len(self._in_doubt)
        self._in_doubt.clear()
        if self._unlearned < RELEARN:
            return False
        self._unlearned = 0
        return True

    def begin_afresh(self) -> None:
        self.run.restart()
        self.since = self.fired = None
        self.proofs.clear()
        self._in_doubt.clear()

    @property
    def share(self) -> float | None:
        """The share of bad observations since the last fresh beginning."""
        return self.run.bad / self.run.count if self.run.count else None
