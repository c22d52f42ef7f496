"""Likelihood ratios of counts, in nats: with k of n bad, a usual rate p0 and a fault's rate p1,

    k·ln(p1/p0) + (n-k)·ln((1-p1)/(1-p0)),

cut at ±CUT, so that no amount of traffic outweighs a container's own word.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from shared.analysis.trace import Span

CUT: Final = 5.0
NAMED: Final = 50
"""Slow spans that evidence names."""
KNOWN: Final = 20
"""Spans before the incident from which a usual time is known."""


def weight(bad: int, total: int, p0: float, p1: float) -> float:
    """The log-likelihood ratio of `bad` of `total` under p1 against p0, cut at ±CUT nats."""
    p0 = min(max(p0, 0.005), 0.9)
    p1 = max(p1, min(2 * p0, 0.95))
    ratio = bad * math.log(p1 / p0) + (total - bad) * math.log((1 - p1) / (1 - p0))
    return max(-CUT, min(CUT, ratio))


Timed = tuple[int, Span]
"""Microseconds, and the span they were measured at."""


@dataclass(frozen=True, slots=True)
class Slower:
    """How times moved. Medians in µs; `slow` are those beyond what was usual, the slowest first."""

    weight: float
    median_before: float
    median: float
    spans: int
    slow: tuple[Timed, ...]

    @property
    def trace_id(self) -> str | None:
        """The trace of the slowest, where anything is slow."""
        return self.slow[0][1].trace_id if self.slow else None

    @property
    def slowest(self) -> list[list[str | int]]:
        """Trace, span and µs of those that evidence names (JSON types)."""
        return [[s.trace_id, s.span_id, us] for us, s in self.slow[:NAMED]]


def slower(before: Sequence[Timed], during: Sequence[Timed], least_us: int) -> Slower | None:
    """Whether times have grown: beyond the usual 95 %, twice the median and `least_us` more. None: cannot be said."""
    if len(before) < KNOWN or not during:
        return None
    known = sorted(us for us, _ in before)
    usual = median(known)
    limit = max(known[int(0.95 * (len(known) - 1))], 2 * usual, usual + least_us)
    slow = sorted((pair for pair in during if pair[0] > limit), key=lambda pair: -pair[0])
    base = sum(us > limit for us in known) / len(known)
    ratio = weight(len(slow), len(during), max(base, 0.02), 0.5)
    return Slower(ratio, usual, median(us for us, _ in during), len(during), tuple(slow))
