"""A mergeable summary of times: any quantile to 2 %, in a few hundred counters, whatever was merged in which order.

Masson, Rim & Lee, DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees, VLDB 12 (2019).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, log
from typing import Final

import numpy as np

from shared.analysis.rca.table import Floats

ACCURACY: Final = 0.02
"""A quantile is off by at most this share of itself."""
GAMMA: Final = (1 + ACCURACY) / (1 - ACCURACY)
SMALLEST: Final = 1.0
"""µs; everything below counts as zero."""


@dataclass(slots=True)
class Sketch:
    """Counts per bucket: bucket i holds values in (GAMMA^(i-1), GAMMA^i], `zeros` those below SMALLEST."""

    buckets: dict[int, float] = field(default_factory=dict)
    zeros: float = 0.0

    @property
    def count(self) -> float:
        return self.zeros + sum(self.buckets.values())

    def add(self, values: Iterable[float]) -> None:
        """Take values (µs, at least 0; others are left out)."""
        given: Floats = np.fromiter(values, float)
        given = given[np.isfinite(given) & (given >= 0)]
        large = given[given >= SMALLEST]
        self.zeros += float(len(given) - len(large))
        index, counts = np.unique(np.ceil(np.log(large) / log(GAMMA) - 1e-12).astype(np.int64), return_counts=True)
        for i, n in zip(index.tolist(), counts.tolist(), strict=True):
            self.buckets[i] = self.buckets.get(i, 0.0) + n

    def merge(self, other: Sketch) -> None:
        """Take all that `other` has seen."""
        self.zeros += other.zeros
        for i, n in other.buckets.items():
            self.buckets[i] = self.buckets.get(i, 0.0) + n

    def fade(self, share: float) -> None:
        """Keep only this share of every count (0…1), so that old traffic weighs less."""
        self.zeros *= share
        self.buckets = {i: n * share for i, n in self.buckets.items() if n * share >= 0.01}

    def quantile(self, q: float) -> float:
        """The q-quantile in µs, 0 ≤ q ≤ 1. Raises ValueError when empty."""
        total = self.count
        if total <= 0:
            raise ValueError("an empty sketch has no quantiles")
        wanted = max(1.0, ceil(q * total))
        reached = self.zeros
        if reached >= wanted:
            return 0.0
        for i in sorted(self.buckets):
            reached += self.buckets[i]
            if reached >= wanted - 1e-9:
                return 2 * GAMMA**i / (GAMMA + 1)
        return 2 * GAMMA ** max(self.buckets) / (GAMMA + 1)

    def samples(self, most: int) -> Floats:
        """At most `most` values (µs) that stand for all: evenly spaced quantiles, none when empty."""
        n = min(most, int(self.count))
        return np.array([self.quantile((i + 0.5) / n) for i in range(n)], float)

    def as_json(self) -> dict[str, object]:
        """JSON types."""
        return {"zeros": self.zeros, "buckets": {str(i): n for i, n in sorted(self.buckets.items())}}

    @classmethod
    def from_json(cls, given: Mapping[str, object]) -> Sketch:
        """The inverse of `as_json`. Raises ValueError."""
        zeros, buckets = given.get("zeros"), given.get("buckets")
        if not isinstance(zeros, int | float) or not isinstance(buckets, Mapping):
            raise ValueError("not a sketch")
        return cls({int(i): float(n) for i, n in buckets.items()}, float(zeros))
