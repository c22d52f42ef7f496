"""What is usual: a level learned robustly from quiet samples, and a share with room for its uncertainty."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

ENOUGH_LEVELS: Final = 50
KEPT: Final = 500
Z: Final = 1.645
"""One-sided 95 % quantile of the normal distribution."""


class LevelBaseline:
    """The usual level of a quantity (say a duration in ms) and the threshold above which a sample is unusual.

    The threshold is the 95th percentile of the last `KEPT` quiet samples, and never below twice their median, nor below
    the median plus `floor` (in the quantity's unit): noise of a busy machine is not a symptom. It is learned anew every
    `ENOUGH_LEVELS` samples, so it follows slow change.
    """

    def __init__(self, floor: float) -> None:
        self._floor = floor
        self._samples: deque[float] = deque(maxlen=KEPT)
        self._since = 0
        self.median: float | None = None
        self.threshold: float | None = None
        """None while fewer than `ENOUGH_LEVELS` samples are known."""

    def learn(self, sample: float) -> None:
        """Take a quiet sample."""
        self._samples.append(sample)
        self._since += 1
        if self._since >= ENOUGH_LEVELS:
            self._since = 0
            known = np.fromiter(self._samples, float)
            median, p95 = np.quantile(known, (0.5, 0.95))
            self._set(float(median), float(p95))

    def recall(self, median: float) -> None:
        """Start from a median that was learned earlier; does nothing when one is known already."""
        if self.threshold is None:
            self._set(median, 0.0)

    def _set(self, median: float, p95: float) -> None:
        self.median = median
        self.threshold = max(p95, 2 * median, median + self._floor)


@dataclass(slots=True)
class ShareBaseline:
    """The usual share of bad observations. Older ones fade: `memory` is how many weigh in."""

    memory: int = 5_000
    count: float = 0.0
    bad: float = 0.0

    def learn(self, bad: bool) -> None:
        """Take a quiet observation."""
        fade = 1.0 if self.count < self.memory else 1.0 - 1.0 / self.memory
        self.count = self.count * fade + 1.0
        self.bad = self.bad * fade + bad

    def recall(self, share: float, count: int) -> None:
        """Start from a share that was learned earlier from `count` observations; does nothing once any was learned."""
        if not self.count:
            self.count, self.bad = float(count), share * count

    @property
    def share(self) -> float | None:
        """The observed share; None before the first observation."""
        return self.bad / self.count if self.count else None

    @property
    def upper(self) -> float:
        """What the true share hardly exceeds (95 %); 1 before the first observation."""
        return wilson(self.bad / self.count, self.count)[1] if self.count else 1.0


def wilson(share: float, count: float) -> tuple[float, float]:
    """The ends of Wilson's interval for a share observed in `count` > 0 trials, each one-sided 95 % (JASA 22, 1927)."""
    centre = share + Z * Z / (2 * count)
    margin = Z * math.sqrt(max(share * (1 - share), 0.0) / count + Z * Z / (4 * count * count))
    scale = 1 + Z * Z / count
    return max(0.0, (centre - margin) / scale), min(1.0, (centre + margin) / scale)
