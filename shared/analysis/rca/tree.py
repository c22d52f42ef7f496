"""The trees that parents span: cycles cut, clock skew taken out, own time and waiting time computed for all at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from shared.analysis.rca.table import Bools, Floats, Ints, Table

LONGEST = np.int64(864_000_000_000)
"""Ten days in µs; what children cover beyond is not counted, so that a million parents fit in 64 bits."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Per span: depth, number of children, time not spent in children (µs), and the one callee of a client span."""

    depth: Ints
    children: Ints
    own: Floats
    callee: Ints
    """Row of the span's only child if that is of another service: the span is a call, its own time the way there and
    back. Else -1."""


def grow(table: Table) -> Tree:
    """Repair `table.parent` and `table.start` in place (counted in `table.set_aside`), then measure."""
    depth = _depths(table)
    _unskew(table, depth)
    n = len(table)
    parent = table.parent
    rows = np.flatnonzero(parent >= 0)
    children = np.bincount(parent[rows], minlength=n).astype(np.int64)
    waiting = rows[~table.asynchronous[rows]]
    own = own_times(table)
    only = waiting[(children[parent[waiting]] == 1) & (table.service[waiting] != table.service[parent[waiting]])]
    callee = np.full(n, -1, np.int64)
    callee[parent[only]] = only
    return Tree(depth, children, own, callee)


def own_times(table: Table) -> Floats:
    """Per span the time (µs) that none of the children it waits for covers. The table must have been grown."""
    rows = np.flatnonzero((table.parent >= 0) & ~table.asynchronous)
    return (table.duration - _covered(table, rows)).astype(float)


def _depths(table: Table) -> Ints:
    """Distance to the root by pointer doubling: log2(depth) passes. A cycle is cut at its earliest span."""
    while True:
        jump = table.parent.copy()
        depth = (jump >= 0).astype(np.int64)
        for _ in range(max(1, int(np.ceil(np.log2(len(jump) + 2))))):
            alive = jump >= 0
            if not alive.any():
                return depth
            target = jump[alive]
            depth[alive] += depth[target]
            jump[alive] = jump[target]
        if not (jump >= 0).any():
            return depth
        _cut(table, np.unique(jump[jump >= 0]))


def _cut(table: Table, on_cycles: Ints) -> None:
    """`on_cycles`: rows on cycles, at least one of each. Their earliest span becomes a root."""
    seen: set[int] = set()
    for row in on_cycles.tolist():
        if row in seen:
            continue
        ring = []
        while row not in seen:
            seen.add(row)
            ring.append(row)
            row = int(table.parent[row])  # noqa: PLW2901 - walking round
        first = min(ring, key=lambda r: (int(table.start[r]), r))
        table.parent[first] = -1
        table.set_aside.cycles += 1


def _unskew(table: Table, depth: Ints) -> None:
    """Move a callee of another service, with all beneath it, into its caller's time where it would fit but does not.

    The clocks of two hosts differ; what a host says about durations stays true. Centred, as Jaeger's UI does it.
    """
    parent, start, duration = table.parent, table.start, table.duration
    rows = np.flatnonzero(parent >= 0)
    above = parent[rows]
    outside = (start[rows] < start[above]) | (start[rows] + duration[rows] > start[above] + duration[above])
    fits = duration[rows] <= duration[above]
    off = outside & fits & ~table.asynchronous[rows] & (table.service[rows] != table.service[above])
    if not off.any():
        return
    table.set_aside.skewed += int(off.sum())
    shift = np.zeros(len(table), np.int64)
    moved = rows[off]
    original = start.copy()
    shift[moved] = original[parent[moved]] + (duration[parent[moved]] - duration[moved]) // 2 - original[moved]
    order = rows[np.argsort(depth[rows], kind="stable")]
    bounds = np.searchsorted(depth[order], np.arange(1, int(depth.max()) + 2))
    for low, high in pairwise(bounds.tolist()):
        level = order[low:high]
        shift[level] += shift[parent[level]]
    table.start = original + shift


def _covered(table: Table, rows: Ints) -> Ints:
    """Per span, the time its children `rows` cover: overlaps once, clipped to the parent."""
    covered = np.zeros(len(table), np.int64)
    if not len(rows):
        return covered
    above = table.parent[rows]
    low, high = table.start[above], table.start[above] + table.duration[above]
    begin = np.minimum(np.clip(table.start[rows], low, high) - low, LONGEST)
    end = np.minimum(np.clip(table.start[rows] + table.duration[rows], low, high) - low, LONGEST)
    order = np.lexsort((begin, above))
    above, begin, end = above[order], begin[order], end[order]
    first: Bools = np.ones(len(above), bool)
    first[1:] = above[1:] != above[:-1]
    group = np.cumsum(first) - 1
    span = np.int64(end.max() + 1)
    reach = np.maximum.accumulate(end + group * span) - group * span
    before = np.zeros_like(reach)
    before[1:] = reach[:-1]
    before[first] = 0
    gained = np.maximum(end - np.maximum(begin, before), 0)
    np.add.at(covered, above, gained)
    return covered
