"""A trace as a few lines of text: who called whom, when and for how long, with everything that repeats folded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np

from shared.analysis.rca.critical import children_of, critical_path, root_of, rows_of
from shared.analysis.rca.table import Table
from shared.analysis.rca.templates import FAILED

MOST_LINES: Final = 25
"""Lines a waterfall has, the heading and the note on what is folded not counted."""
LONGEST_NAME: Final = 60
DEEPEST: Final = 12
"""Steps of indentation; what is deeper says its depth in figures."""
HEADING: Final = "   at ms     took ms"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line: `row` stands for `rows`, its siblings of the same operation included; `beneath` counts what hangs on
    those that are not shown themselves."""

    row: int
    rows: tuple[int, ...]
    depth: int
    beneath: int


def waterfall(table: Table, trace: int, focus: str = "") -> tuple[str, ...]:
    """The trace with this index of `table.trace_ids`, as lines; the table must have been diagnosed (skew taken out).

    `*` marks the critical path, `×3` repeated siblings of which the longest is shown with what it called. Where there
    are too many lines, those off the critical path without a mark of their own are folded, then the shortest. Spans of
    the service `focus` have the rank of marked ones.
    """
    root = root_of(table, trace)
    if root < 0:
        return ()
    path: dict[int, int] = {}
    for segment in critical_path(table, trace):
        path[segment.row] = path.get(segment.row, 0) + segment.end - segment.begin
    logged = _logged(table, trace)
    entries = list(_entries(table, trace, root))
    lines = [HEADING]
    folded = len(rows_of(table, trace)) - sum(len(e.rows) + e.beneath for e in entries)
    for entry, keep in zip(entries, _chosen(table, entries, path, logged | _of(table, trace, focus)), strict=True):
        if keep:
            lines.append(_line(table, entry, int(table.start[root]), path, logged))
        folded += entry.beneath + (0 if keep else len(entry.rows))
    if folded:
        lines.append(f"… {folded} span{'s' * (folded != 1)} off the critical path or repeated, folded")
    return tuple(lines)


def clean(name: str, longest: int = LONGEST_NAME) -> str:
    """Text from telemetry on one line: nothing that ends a line, a fence or a table; cut after `longest` characters."""
    kept = "".join(c if c.isprintable() and c not in "`|<>" else "?" for c in name[: longest + 1])
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"


def _entries(table: Table, trace: int, root: int) -> Iterator[_Entry]:
    """Depth first, by start; siblings in a row of one operation and outcome as one."""
    below = children_of(table, trace)
    sizes = _sizes(below, root)
    stack = [_Entry(root, (root,), 0, 0)]
    while stack:
        entry = stack.pop()
        yield entry
        inner = []
        for _, run in groupby(below.get(entry.row, ()), key=lambda r: (int(table.op[r]), bool(table.error[r]))):
            rows = tuple(run)
            longest = max(rows, key=lambda r: int(table.duration[r]))
            beneath = sum(sizes[r] - 1 for r in rows if r != longest)
            inner.append(_Entry(longest, rows, entry.depth + 1, beneath))
        stack += reversed(inner)


def _sizes(below: dict[int, list[int]], root: int) -> dict[int, int]:
    """Per row beneath `root` the number of spans in its subtree, itself included."""
    order, stack = [], [root]
    while stack:
        row = stack.pop()
        order.append(row)
        stack += below.get(row, ())
    sizes: dict[int, int] = {}
    for row in reversed(order):
        sizes[row] = 1 + sum(sizes[c] for c in below.get(row, ()))
    return sizes


def _chosen(table: Table, entries: list[_Entry], path: dict[int, int], wanted: set[int]) -> list[bool]:
    """Which entries have a line: all, or those on the path and the marked, or of those the ones that weigh most."""
    if len(entries) <= MOST_LINES:
        return [True] * len(entries)

    def weight(n: int) -> tuple[bool, bool, bool, int]:
        rows = entries[n].rows
        on_path = sum(path.get(r, 0) for r in rows)
        marked = any(table.error[r] or r in wanted for r in rows)
        return n == 0, marked, marked or on_path > 0, on_path or int(table.duration[entries[n].row])

    order = sorted(range(len(entries)), key=weight, reverse=True)
    kept = {n for n in order[:MOST_LINES] if weight(n)[2]} | {0}
    return [n in kept for n in range(len(entries))]


def _line(table: Table, entry: _Entry, zero: int, path: dict[int, int], logged: set[int]) -> str:
    row, many = entry.row, len(entry.rows)
    service, operation = table.operation(int(table.op[row]))
    at = (int(min(table.start[r] for r in entry.rows)) - zero) / 1000
    took = int(sum(table.duration[r] for r in entry.rows)) / 1000
    words = [f"{at:8.1f} {took:11.1f}  {'*' if any(r in path for r in entry.rows) else ' '} "]
    words.append("  " * min(entry.depth, DEEPEST) + (f"({entry.depth}) " if entry.depth > DEEPEST else ""))
    words.append(f"{clean(service)} {clean(operation)}")
    if many > 1:
        words.append(f" ×{many}, longest {table.duration[row] / 1000:.1f}")
    if table.asynchronous[row]:
        words.append(" (not waited for)")
    if table.error[row]:
        words.append(" !error")
    if any(r in logged for r in entry.rows):
        words.append(" !log")
    return "".join(words)


def _of(table: Table, trace: int, service: str) -> set[int]:
    if service not in table.services:
        return set()
    rows = rows_of(table, trace)
    return set(rows[table.service[rows] == table.services.index(service)].tolist())


def _logged(table: Table, trace: int) -> set[int]:
    """Rows of the trace on which a line of an error's level hangs."""
    rows = rows_of(table, trace)
    if not len(rows) or not table.logs:
        return set()
    low, high = int(rows[0]), int(rows[-1])
    return {line.row for line in table.logs if low <= line.row <= high and line.level in FAILED}


def index_of(table: Table, trace_id: str, *, incident: bool) -> int:
    """Index of the trace with this id in one of the windows, -1 when it is not there."""
    first = np.searchsorted(table.trace, np.arange(len(table.trace_ids)))
    for n, known in enumerate(table.trace_ids):
        row = int(first[n])
        if known == trace_id and row < len(table) and table.trace[row] == n and table.incident[row] == incident:
            return n
    return -1
