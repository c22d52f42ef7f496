"""One trace as rows for a picture: depth, time and the critical path, with clock skew taken out. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from dashboard.shapes import SpanRow, Waterfall, stamp
from shared.analysis.rca.critical import children_of, critical_path, root_of, rows_of
from shared.analysis.rca.table import Builder, Table
from shared.analysis.rca.tree import grow
from shared.analysis.trace import Trace

MOST_SPANS: Final = 200
LONGEST: Final = 200
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def waterfall(trace: Trace, url: str | None) -> Waterfall | None:
    """The tree below the longest root, depth first, by start; None for a trace without spans.

    Of more than MOST_SPANS spans those on the critical path and the failed ones stay, then the longest.
    """
    builder = Builder(read_logs=False)
    builder.add_traces([trace], incident=True)
    table = builder.table()
    if not len(table):
        return None
    grow(table)
    root = root_of(table, 0)
    if root < 0:
        return None
    path = {segment.row for segment in critical_path(table, 0)}
    rows = _in_order(table, root)
    kept = set(rows)
    if len(rows) > MOST_SPANS:
        weight = sorted(
            rows, key=lambda r: (r[0] != root, r[0] not in path, not table.error[r[0]], -int(table.duration[r[0]]))
        )
        kept = set(weight[:MOST_SPANS])
    zero = int(table.start[root])
    return Waterfall(
        trace_id=trace.trace_id,
        start=stamp(EPOCH + timedelta(microseconds=zero)),
        duration_ms=round(int(table.duration[root]) / 1000, 3),
        spans=[_row(table, row, depth, zero, row in path) for row, depth in rows if (row, depth) in kept],
        left_out=len(rows_of(table, 0)) - len(kept),
        url=url,
    )


def _in_order(table: Table, root: int) -> list[tuple[int, int]]:
    """(row, depth) of everything below `root`, itself first."""
    below = children_of(table, 0)
    found, stack = [], [(root, 0)]
    while stack:
        row, depth = stack.pop()
        found.append((row, depth))
        stack += [(child, depth + 1) for child in reversed(below.get(row, []))]
    return found


def _row(table: Table, row: int, depth: int, zero: int, critical: bool) -> SpanRow:
    service, operation = table.operation(int(table.op[row]))
    return SpanRow(
        service=service[:LONGEST],
        operation=operation[:LONGEST],
        start_ms=round((int(table.start[row]) - zero) / 1000, 3),
        duration_ms=round(int(table.duration[row]) / 1000, 3),
        depth=depth,
        error=bool(table.error[row]),
        critical=critical,
    )
