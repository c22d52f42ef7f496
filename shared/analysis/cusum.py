"""A sequential test for a share that rises: the Bernoulli CUSUM, with its run lengths computed exactly.

Page, Continuous inspection schemes, Biometrika 41 (1954): add up log-likelihood ratios of p1 against p0, never below
zero, and alarm at a limit. Reynolds & Stoumbos, A CUSUM chart for monitoring a proportion when inspecting continuously,
J. Quality Technology 31 (1999): choose p1 such that the two steps stand in a whole ratio; then the statistic lives on
whole numbers. Brook & Evans, An approach to the probability distribution of CUSUM run length, Biometrika 59 (1972): it
is then a finite Markov chain, and run lengths are the solution of linear equations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BernoulliCusum:
    """A design. A bad observation adds `up`, a good one takes 1 away (never below 0); at `limit` it alarms.

    `p0` is the share of bad observations that is in order, `p1` the one to be found fastest.
    """

    p0: float
    p1: float
    up: int
    limit: int

    def step(self, value: int, bad: bool) -> int:
        """The statistic after one more observation, held at `limit`."""
        return min(self.limit, value + self.up) if bad else max(0, value - 1)

    def run_length(self, p: float, start: int = 0) -> float:
        """The expected number of observations up to the alarm, at a true share `p`, from the value `start`. Exact."""
        chain = self._chain(p)
        expected = np.linalg.solve(np.eye(self.limit) - chain, np.ones(self.limit))
        return float(expected[start])

    def alarms_within(self, count: int, p: float, start: int = 0) -> float:
        """The probability of an alarm within `count` observations at a true share `p`. Exact."""
        state: Floats = np.zeros(self.limit)
        state[start] = 1.0
        chain = self._chain(p)
        for _ in range(count):
            state = state @ chain
        return float(1.0 - state.sum())

    def needed(self, power: float = 0.99, p: float | None = None) -> int:
        """How many observations show a share `p` (p1 unless said) with probability `power`."""
        share = self.p1 if p is None else p
        state: Floats = np.zeros(self.limit)
        state[0] = 1.0
        chain = self._chain(share)
        for count in range(1, 100_000):
            state = state @ chain
            if 1.0 - state.sum() >= power:
                return count
        raise ValueError(f"a share of {share} is not found in 100,000 observations")

    def _chain(self, p: float) -> Floats:
        """Transitions between the values below the limit; what is missing from a row's sum is the alarm."""
        chain: Floats = np.zeros((self.limit, self.limit))
        for value in range(self.limit):
            chain[value, max(0, value - 1)] += 1 - p
            if value + self.up < self.limit:
                chain[value, value + self.up] += p
        return chain


@cache
def design(p0: float, p1: float, in_control: float) -> BernoulliCusum:
    """The design with the least limit whose in-control run length is at least `in_control` observations.

    `p1` is lowered a little to make the steps commensurable. Raises ValueError unless 0 < p0 < p1 < 1.
    """
    if not 0 < p0 < p1 < 1:
        raise ValueError(f"0 < p0 < p1 < 1 does not hold for p0={p0}, p1={p1}")
    up = max(1, math.ceil(_ratio(p0, p1) - 1e-9))
    low, high = p0 * (1 + 1e-9), p1
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _ratio(p0, middle) > up else (low, middle)
    found = high
    low_limit, high_limit = up, up + 1
    while BernoulliCusum(p0, found, up, high_limit).run_length(p0) < in_control:
        low_limit, high_limit = high_limit, high_limit * 2
    while high_limit - low_limit > 1:
        limit = (low_limit + high_limit) // 2
        enough = BernoulliCusum(p0, found, up, limit).run_length(p0) >= in_control
        low_limit, high_limit = (low_limit, limit) if enough else (limit, high_limit)
    return BernoulliCusum(p0, found, up, high_limit)


def _ratio(p0: float, p1: float) -> float:
    """The step of a bad observation in units of the step of a good one."""
    return math.log(p1 / p0) / math.log((1 - p0) / (1 - p1))


@dataclass(slots=True)
class CusumRun:
    """One running test. Fires at the limit and stands until the statistic has come back to zero.

    Counts since the last `restart`: `count` observations, `bad` bad ones; `run_count` and `run_bad` are those since the
    statistic last left zero, an estimate of what belongs to the fault (Page's estimate of the change point).
    """

    design: BernoulliCusum
    value: int = 0
    firing: bool = False
    count: int = 0
    bad: int = 0
    run_count: int = 0
    run_bad: int = 0

    def update(self, bad: bool) -> bool:
        """Take one observation; True when this one fires the test."""
        self.count += 1
        self.bad += bad
        if self.value == 0 and not self.firing:
            self.run_count = self.run_bad = 0
        self.run_count += 1
        self.run_bad += bad
        self.value = self.design.step(self.value, bad)
        if not self.firing and self.value >= self.design.limit:
            self.firing = True
            return True
        if self.firing and self.value == 0:
            self.firing = False
        return False

    def restart(self) -> None:
        """From zero, nothing counted."""
        self.value = self.count = self.bad = self.run_count = self.run_bad = 0
        self.firing = False

    def redesign(self, design: BernoulliCusum) -> None:
        """Go on with other numbers, at the same fraction of the way to the alarm."""
        self.value = min(design.limit - 1, self.value * design.limit // self.design.limit)
        self.design = design
