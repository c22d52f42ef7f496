"""A mergeable summary of times: any quantile to 2 %, in a few hundred counters, whatever was merged in which order.

Masson, Rim & Lee, DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees, VLDB 12 (2019).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, log
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # who only hears of sketches and asks them needs no numpy, which costs a process 10 MB
    from shared.analysis.rca.table import Floats, Ints

ACCURACY: Final = 0.02
"""A quantile is off by at most this share of itself."""
GAMMA: Final = (1 + ACCURACY) / (1 - ACCURACY)
SMALLEST: Final = 1.0
"""µs; everything below counts as zero."""
LAST: Final = 1_100
"""The bucket of 2^63 µs: no time that was measured lies beyond."""
MOST: Final = 1e12
"""A count of more is no count of spans."""


def bucket_of(values: Floats) -> Ints:
    """The bucket of each value (µs, finite, at least 0); -1 for those that count as zero."""
    import numpy as np

    index = np.full(len(values), -1, np.int64)
    large = values >= SMALLEST
    index[large] = np.ceil(np.log(values[large]) / log(GAMMA) - 1e-12).astype(np.int64)
    return index


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
        import numpy as np

        given: Floats = np.fromiter(values, float)
        given = given[np.isfinite(given) & (given >= 0)]
        index, counts = np.unique(bucket_of(given), return_counts=True)
        for i, n in zip(index.tolist(), counts.tolist(), strict=True):
            self.put(i, n)

    def put(self, bucket: int, count: float) -> None:
        """Take `count` values of one bucket as `bucket_of` numbers them."""
        if bucket < 0:
            self.zeros += count
        else:
            self.buckets[bucket] = self.buckets.get(bucket, 0.0) + count

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
        import numpy as np

        n = min(most, int(self.count))
        return np.array([self.quantile((i + 0.5) / n) for i in range(n)], float)

    def as_json(self) -> dict[str, object]:
        """JSON types."""
        return {"zeros": self.zeros, "buckets": {str(i): n for i, n in sorted(self.buckets.items())}}

    @classmethod
    def from_json(cls, given: Mapping[str, object]) -> Sketch:
        """The inverse of `as_json`, whatever was sent. Raises ValueError."""
        zeros, buckets = given.get("zeros"), given.get("buckets")
        if not isinstance(buckets, Mapping) or len(buckets) > LAST + 1:
            raise ValueError("not a sketch")
        return cls({_bucket(i): _count(n) for i, n in buckets.items()}, _count(zeros))


def _bucket(given: object) -> int:
    if not isinstance(given, str) or not given.isdecimal() or len(given) > 4 or int(given) > LAST:
        raise ValueError(f"not a sketch: bucket {given!r:.20}")
    return int(given)


def _count(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= MOST:
        raise ValueError(f"not a sketch: count {given!r:.20}")
    return float(given)
