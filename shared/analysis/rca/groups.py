"""Two samples per group, compared for all groups at once: medians, trimmed means, ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.analysis.rca.table import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Compared:
    """One entry a group. `before` is the baseline window, `during` the incident's."""

    n_before: Floats
    n_during: Floats
    median_before: Floats
    median_during: Floats
    mean_before: Floats
    mean_during: Floats
    high_before: Floats
    high_during: Floats
    """90th percentiles."""
    scatter: Floats
    """Half the distance from the 16th to the 84th percentile of the baseline: its standard deviation if normal."""
    superiority: Floats
    """Probability that a sample of the incident is above one of the baseline, ties half (Mann & Whitney 1947)."""
    z: Floats
    """The same as a standard normal deviate under "no difference"."""


def compare(values: Floats, group: Ints, during: Bools, groups: int) -> Compared:
    """Compare `values` where `during` with those where not, for each of the groups numbered below `groups`.

    Entries of groups with an empty window are 0 (medians, means), 0.5 (superiority) and 0 (z).
    """
    b, d = ~during, during
    n_b = np.bincount(group[b], minlength=groups).astype(float)
    n_d = np.bincount(group[d], minlength=groups).astype(float)
    before = _ordered(values[b], group[b])
    after = _ordered(values[d], group[d])
    order = np.lexsort((values, group))
    sorted_group, sorted_values = group[order], values[order]
    position = np.arange(len(order), dtype=float)
    fresh: Bools = np.ones(len(order), bool)
    if len(order):
        fresh[1:] = (sorted_group[1:] != sorted_group[:-1]) | (sorted_values[1:] != sorted_values[:-1])
    tie = np.cumsum(fresh) - 1
    ties = np.bincount(tie).astype(float) if len(order) else np.zeros(0)
    rank = (np.bincount(tie, weights=position) / np.maximum(ties, 1))[tie] if len(order) else position
    n = n_b + n_d
    first = np.concatenate(([0.0], np.cumsum(n)[:-1]))
    rank_sum = np.bincount(sorted_group, weights=rank * during[order], minlength=groups) - n_d * first
    u = rank_sum - n_d * (n_d - 1) / 2
    both = (n_b > 0) & (n_d > 0)
    pairs = np.where(both, n_b * n_d, 1.0)
    superiority = np.where(both, u / pairs, 0.5)
    z = np.where(both, (u - pairs / 2) / np.sqrt(pairs * (n + 1) / 12), 0.0)
    return Compared(
        n_b,
        n_d,
        quantile(before, n_b, 0.5),
        quantile(after, n_d, 0.5),
        trimmed_mean(before, n_b),
        trimmed_mean(after, n_d),
        quantile(before, n_b, 0.9),
        quantile(after, n_d, 0.9),
        (quantile(before, n_b, 0.84) - quantile(before, n_b, 0.16)) / 2,
        superiority,
        z,
    )


def _ordered(values: Floats, group: Ints) -> Floats:
    return values[np.lexsort((values, group))]


def quantile(ordered: Floats, n: Floats, q: float) -> Floats:
    """The q-quantile of each group, linear between samples; `ordered` by group, then value; 0 for an empty group."""
    if not len(ordered):
        return np.zeros(len(n))
    first = np.concatenate(([0.0], np.cumsum(n)[:-1]))
    at = first + np.maximum(n - 1, 0) * q
    low = np.minimum(np.floor(at).astype(np.int64), len(ordered) - 1)
    high = np.minimum(np.ceil(at).astype(np.int64), len(ordered) - 1)
    value = ordered[low] + (ordered[high] - ordered[low]) * (at - low)
    return np.where(n > 0, value, 0.0)


def trimmed_mean(ordered: Floats, n: Floats, cut: float = 0.1) -> Floats:
    """The mean of each group without its lowest and highest tenth (none below ten samples); 0 for an empty group."""
    first = np.concatenate(([0.0], np.cumsum(n)[:-1])).astype(np.int64)
    skip = np.floor(n * cut).astype(np.int64)
    sums = np.concatenate(([0.0], np.cumsum(ordered)))
    low, high = first + skip, first + n.astype(np.int64) - skip
    mean: Floats = (sums[high] - sums[low]) / np.maximum(high - low, 1)
    return mean
