"""The critical path: which spans of a trace determine when it ends, and for how long each of them does."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from shared.analysis.rca.table import Ints, Table

OVERLAP_US: Final = 1_000
"""Children that overlap by no more than this still follow one another: clocks are not exact to a millisecond."""


class Segment(NamedTuple):
    """From `begin` to `end` (µs, the table's clock) nothing but the span in `row` kept the trace from ending."""

    row: int
    begin: int
    end: int


def rows_of(table: Table, trace: int) -> Ints:
    """Rows of the trace with this index, in the table's order."""
    low, high = np.searchsorted(table.trace, (trace, trace + 1))
    return np.arange(int(low), int(high))


def root_of(table: Table, trace: int) -> int:
    """Row of the trace's longest root, the earliest of equals; -1 for a trace without spans."""
    rows = rows_of(table, trace)
    roots = rows[table.parent[rows] < 0]
    if not len(roots):
        return -1
    return int(min(roots.tolist(), key=lambda r: (-int(table.duration[r]), int(table.start[r]), r)))


def children_of(table: Table, trace: int) -> dict[int, list[int]]:
    """Per row of the trace its children, by start."""
    rows = rows_of(table, trace)
    inner = rows[table.parent[rows] >= 0]
    found: dict[int, list[int]] = {}
    for row in inner[np.argsort(table.start[inner], kind="stable")].tolist():
        found.setdefault(int(table.parent[row]), []).append(row)
    return found


def critical_path(table: Table, trace: int) -> tuple[Segment, ...]:
    """The path of the trace with this index, in order of time; segments meet end to end from the root's start to its
    end. The table must have been diagnosed: skew is taken out and cycles are cut.

    From the end backwards: of the children a span waits for, the one that ended last held it up, and before that one
    began, the one that ended last before (Zhang et al., CRISP: Critical Path Analysis of Large-Scale Microservice
    Architectures, USENIX ATC 2022). A child that outlasts its parent counts up to the parent's end.
    """
    root = root_of(table, trace)
    if root < 0:
        return ()
    start, duration = table.start, table.duration
    below = {
        row: sorted(
            (c for c in children if not table.asynchronous[c]),
            key=lambda c: (int(start[c] + duration[c]), int(start[c])),
        )
        for row, children in children_of(table, trace).items()
    }
    found: list[Segment] = []
    end = int(start[root] + duration[root])
    stack = [(root, int(start[root]), end, end)]
    while stack:
        row, begin, now, limit = stack.pop()
        waiting = below.get(row, [])
        child = -1
        while waiting and child < 0:
            child = waiting.pop()
            ended = min(int(start[child] + duration[child]), limit)
            since = max(int(start[child]), begin)
            if ended > now + OVERLAP_US or ended <= since:
                child = -1
        ended = min(ended, now) if child >= 0 else begin
        if now > ended:
            found.append(Segment(row, ended, now))
        if child >= 0:
            stack += [(row, begin, since, limit), (child, since, ended, ended)]
    return tuple(reversed(found))
