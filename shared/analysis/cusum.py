"""A sequential test for a share that rises: the Bernoulli CUSUM, with its run lengths computed exactly.

Page, Continuous inspection schemes, Biometrika 41 (1954): add up log-likelihood ratios of p1 against p0, never below
zero, and alarm at a limit. Reynolds & Stoumbos, A CUSUM chart for monitoring a proportion when inspecting continuously,
J. Quality Technology 31 (1999): choose p1 such that the two steps stand in a ratio of small whole numbers; then the
statistic lives on whole numbers. Brook & Evans, An approach to the probability distribution of CUSUM run length,
Biometrika 59 (1972): it is then a finite Markov chain, and run lengths are the solution of linear equations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FINENESS = 4
"""A bad observation is worth at least this many units, so that rounding the ratio of the steps changes little."""
MOST_STATES = 2048


@dataclass(frozen=True, slots=True)
class BernoulliCusum:
    """A design. A bad observation adds `up`, a good one takes `down` away (never below 0); at `limit` it alarms.

    `p0` is the share of bad observations that is in order, `p1` the one to be found fastest.
    """

    p0: float
    p1: float
    up: int
    down: int
    limit: int

    def step(self, value: int, bad: bool) -> int:
        """The statistic after one more observation, held at `limit`."""
        return min(self.limit, value + self.up) if bad else max(0, value - self.down)

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
        values = np.arange(self.limit)
        chain[values, np.maximum(0, values - self.down)] = 1 - p
        below = values[: max(0, self.limit - self.up)]
        chain[below, below + self.up] = p
        return chain


@cache
def design(p0: float, p1: float, in_control: float) -> BernoulliCusum:
    """The design with the least limit whose in-control run length is at least `in_control` observations.

    `p1` is lowered a little to make the steps commensurable. Raises ValueError unless 0 < p0 < p1 < 1.
    """
    if not 0 < p0 < p1 < 1:
        raise ValueError(f"0 < p0 < p1 < 1 does not hold for p0={p0}, p1={p1}")
    ratio = _ratio(p0, p1)
    down = max(1, math.ceil(FINENESS / ratio))
    up = math.ceil(ratio * down - 1e-9)
    low, high = p0 * (1 + 1e-9), p1
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _ratio(p0, middle) * down > up else (low, middle)
    too_low, enough = up - 1, up
    while BernoulliCusum(p0, high, up, down, enough).run_length(p0) < in_control:
        too_low, enough = enough, enough * 2
        if enough > MOST_STATES:
            raise ValueError(f"p0={p0} and p1={p1} are too close for a run length of {in_control:g}")
    while enough - too_low > 1:
        limit = (too_low + enough) // 2
        suffices = BernoulliCusum(p0, high, up, down, limit).run_length(p0) >= in_control
        too_low, enough = (too_low, limit) if suffices else (limit, enough)
    return BernoulliCusum(p0, high, up, down, enough)


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
