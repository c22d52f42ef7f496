"""Is a share in one sample too high to come from the same source as another sample? Fisher's exact test, one-sided."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from shared.analysis.rca.table import Floats, Ints

MOST_TERMS: Final = 400
CEILING: Final = 12.0
"""No single change counts more than p = 10^-12."""


def exceedance(k: float, n: float, k0: float, n0: float) -> float:
    """-log10 of the chance of `k` or more of `n` when all k + k0 of n + n0 are dealt out blindly; 0 when not above.

    Fisher, Statistical Methods for Research Workers (1934). The normal approximation where the tail has many terms.
    """
    if n <= 0 or n0 <= 0 or k <= 0 or k / n <= k0 / n0:
        return 0.0
    total, marked = n + n0, k + k0
    top = min(n, marked)
    if top - k > MOST_TERMS:
        share = marked / total
        scatter = math.sqrt(n * share * (1 - share) * n0 / (total - 1)) or 1e-9
        return _upper_tail((k - 0.5 - n * share) / scatter)
    logs = [_log_choose(marked, i) + _log_choose(total - marked, n - i) for i in range(int(k), int(top) + 1)]
    peak = max(logs)
    tail = peak + math.log(sum(math.exp(x - peak) for x in logs)) - _log_choose(total, n)
    return max(0.0, -tail / math.log(10))


def of_many(weight: Floats, tested: Ints) -> Floats:
    """The strongest of `tested` tests as one: -log10 of the chance that any of them is as strong.

    Šidák, Rectangular confidence regions for the means of multivariate normal distributions, JASA 62 (1967).
    """
    chance = -np.expm1(np.maximum(tested, 1) * np.log1p(-np.minimum(10.0**-weight, 1 - 1e-12)))
    alone: Floats = np.maximum(-np.log10(np.maximum(chance, 10.0**-CEILING)), 0.0)
    return alone


def _log_choose(n: float, k: float) -> float:
    if k < 0 or k > n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _upper_tail(z: float) -> float:
    """-log10 of the normal distribution's upper tail."""
    if z > 30:
        return (z * z / 2 + math.log(z * math.sqrt(2 * math.pi))) / math.log(10)
    return -math.log10(max(0.5 * math.erfc(z / math.sqrt(2)), 1e-300))
