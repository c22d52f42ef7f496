"""What spans log: error lines the baseline does not know, lines that used to be there and are missing, and lines that
no longer come as often as the lines they came with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from shared.analysis.rca.counts import CEILING, exceedance, of_many
from shared.analysis.rca.table import Bools, Floats, Ints, Table
from shared.analysis.rca.templates import FAILED, REFUSED, template

MOST_HOPS: Final = 256
RARE: Final = 5
"""Error lines are rare: that a known operation had none counts as if it had been seen this often more."""
TELLING: Final = 0.5
"""-log10 p from which a missing line is kept."""


class Line(NamedTuple):
    """A template whose share among an operation's spans has changed: `k` of `n` spans, before `k0` of `n0`."""

    service: int
    op: int
    template: str
    k: int
    n: int
    k0: int
    n0: int
    weight: float
    first: int
    """Index in `table.logs` of one such line (of the incident, if there), -1 for none."""
    beside: str = ""
    """The template it came as often as in every span of the baseline; then the counts are of spans with either, and
    of those where it still did."""

    @property
    def refused(self) -> bool:
        """Does the line speak of a rule that stands against a request?"""
        return bool(REFUSED.search(self.template))


@dataclass(frozen=True, slots=True)
class Logs:
    """Per service the strongest change of each kind (-log10 p)."""

    failed: Floats
    origin: Floats
    """The same, only from spans with no new error line in another service beneath them."""
    lost: Floats
    lines: tuple[Line, ...]
    missing: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class _Counted:
    """Lines counted per span and template (entries), and per operation and template (keys)."""

    texts: list[str]
    bad: Bools
    """Per template: has it been logged as an error?"""
    row: Ints
    count: Ints
    first: Ints
    during: Bools
    key: Ints
    """Per entry: its key."""
    op: Ints
    name: Ints
    spans: tuple[Ints, Ints]
    """Per operation the number of spans: before, during."""
    having: tuple[Ints, Ints]
    """Per key the number of spans that have it: before, during."""


def logs(table: Table) -> Logs:
    """Compare the two windows."""
    services = len(table.services)
    failed, origin, lost = np.zeros(services), np.zeros(services), np.zeros(services)
    if not table.logs:
        return Logs(failed, origin, lost, (), ())
    counted = _count(table)
    lines = _new_errors(table, counted)
    for line, at_origin in lines:
        failed[line.service] = max(failed[line.service], line.weight)
        origin[line.service] = max(origin[line.service], line.weight * at_origin)
    missing = sorted([*_missing(table, counted), *_forsaken(table, counted)], key=lambda x: -x.weight)
    for line in missing:
        lost[line.service] = max(lost[line.service], line.weight)
    asked = _asked(table, counted)
    origin, lost = of_many(origin, asked), of_many(lost, asked)
    return Logs(failed, origin, lost, tuple(sorted((x for x, _ in lines), key=lambda x: -x.weight)), tuple(missing))


def _asked(table: Table, counted: _Counted) -> Ints:
    """Per service how many of its operations log: lines of one operation come and go together and count as one test."""
    logging = np.unique(counted.op)
    service_of = np.fromiter((s for s, _ in table.operations), np.int64, len(table.operations))
    return np.bincount(service_of[logging], minlength=len(table.services))


def _count(table: Table) -> _Counted:
    names: dict[str, int] = {}
    given = [names.setdefault(template(line.message), len(names)) for line in table.logs]
    bad = {n for n, line in zip(given, table.logs, strict=True) if line.level in FAILED}
    name = np.array(given, np.int64)
    width, ops = len(names), len(table.operations)
    rows = np.array([line.row for line in table.logs], np.int64)
    entry, first, count = np.unique(rows * width + name, return_index=True, return_counts=True)
    row, text = entry // width, entry % width
    keys, key = np.unique(table.op[row] * width + text, return_inverse=True)
    during = table.incident[row]
    return _Counted(
        texts=list(names),
        bad=np.isin(np.arange(width), list(bad)),
        row=row,
        count=count,
        first=first,
        during=during,
        key=key,
        op=keys // width,
        name=keys % width,
        spans=(
            np.bincount(table.op[~table.incident], minlength=ops),
            np.bincount(table.op[table.incident], minlength=ops),
        ),
        having=(np.bincount(key[~during], minlength=len(keys)), np.bincount(key[during], minlength=len(keys))),
    )


def _new_errors(table: Table, counted: _Counted) -> list[tuple[Line, float]]:
    """Error lines of the incident, each with the share of its spans that have none in another service beneath them."""
    weight = np.zeros(len(counted.op))
    bad = np.flatnonzero(counted.bad[counted.name] & (counted.having[1] > 0))
    for key in bad.tolist():
        op = int(counted.op[key])
        known = int(counted.spans[0][op])
        k, k0 = int(counted.having[1][key]), int(counted.having[0][key])
        chance = exceedance(k, int(counted.spans[1][op]), k0, known + RARE if known else 1)
        weight[key] = min(chance, CEILING)
    loud = counted.during & (weight[counted.key] > 1.0)
    echoes = _above(table, counted.row[loud])
    origin = counted.during & ~np.isin(counted.row, list(echoes))
    at_origin = np.bincount(counted.key[origin], minlength=len(counted.op))
    return [
        (_line(table, counted, key, float(weight[key]), shown=True), float(at_origin[key] / counted.having[1][key]))
        for key in bad.tolist()
    ]


def _above(table: Table, rows: Ints) -> set[int]:
    """All rows above `rows` that are of another service."""
    found: set[int] = set()
    service, parent = table.service, table.parent
    for start in rows.tolist():
        row = int(parent[start])
        for _ in range(MOST_HOPS):
            if row < 0 or row in found:
                break
            if service[row] != service[start]:
                found.add(row)
            row = int(parent[row])
    return found


def _missing(table: Table, counted: _Counted) -> list[Line]:
    """Lines that fewer spans of the same operation have, as far as no other line has come in their place."""
    op = counted.op
    n0, n = counted.spans[0][op], counted.spans[1][op]
    k0, k = counted.having
    quiet = ~counted.bad[counted.name] & (n > 0) & (n0 > 0)
    gained = np.where(quiet & (k > 0), k / np.maximum(n, 1) - k0 / np.maximum(n0, 1), 0.0)
    more = np.zeros(len(table.operations))
    np.maximum.at(more, op, gained)
    still = np.minimum(k + np.minimum(np.round(more[op] * n), n), n)
    found = []
    for key in np.flatnonzero(quiet & (k0 > 0) & (still * n0 < k0 * n)).tolist():
        gone = exceedance(int(n[key] - still[key]), int(n[key]), int(n0[key] - k0[key]), int(n0[key]))
        if gone > TELLING:
            found.append(_line(table, counted, key, min(gone, CEILING)))
    return found


def _forsaken(table: Table, counted: _Counted) -> list[Line]:
    """Lines that came exactly as often as another line in every span of the baseline, and now come less often.

    Lou et al., Mining Invariants from Console Logs for System Problem Detection, USENIX ATC (2010). Lines with the same
    counts in the same spans are found by a hash of those counts.
    """
    keys = len(counted.op)
    before = ~counted.during & ~counted.bad[counted.name][counted.key]
    print_ = np.zeros(keys, np.uint64)
    np.add.at(print_, counted.key[before], _mixed(counted.row[before]) * counted.count[before].astype(np.uint64))
    known = np.flatnonzero(counted.having[0] > 0)
    known = known[~counted.bad[counted.name[known]]]
    _, group = np.unique(np.stack((counted.op[known].astype(np.uint64), print_[known])), axis=1, return_inverse=True)
    size = np.bincount(group.ravel())
    group_of = np.full(keys, -1, np.int64)
    group_of[known] = np.where(size[group.ravel()] > 1, group.ravel(), -1)
    entries = np.flatnonzero(counted.during & (group_of[counted.key] >= 0))
    if not len(entries):
        return []
    key, count = counted.key[entries], counted.count[entries]
    place, at = np.unique(counted.row[entries] * len(size) + group_of[key], return_inverse=True)
    most = np.zeros(len(place), np.int64)
    np.maximum.at(most, at, count)
    either = np.bincount(place % len(size), minlength=len(size))
    kept = np.bincount(key[count == most[at]], minlength=keys)
    found = []
    for one in np.flatnonzero((group_of >= 0) & (kept < either[group_of])).tolist():
        n, k, n0 = int(either[group_of[one]]), int(kept[one]), int(counted.having[0][one])
        gone = exceedance(n - k, n, 0, n0)
        if gone > TELLING:
            mates = np.flatnonzero(group_of == group_of[one])
            beside = counted.texts[int(counted.name[mates[np.argmax(kept[mates])]])]
            line = _line(table, counted, one, min(gone, CEILING))
            found.append(line._replace(k=k, n=n, k0=n0, n0=n0, beside=beside))
    return found


def _mixed(values: Ints) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Steele, Lea & Flood, Fast splittable pseudorandom number generators (2014): splitmix64's finalizer."""
    x = values.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))


def _line(table: Table, counted: _Counted, key: int, weight: float, *, shown: bool = False) -> Line:
    op = int(counted.op[key])
    first = -1
    if shown:
        first = int(counted.first[np.flatnonzero((counted.key == key) & counted.during)].min(initial=len(table.logs)))
    return Line(
        service=table.operations[op][0],
        op=op,
        template=counted.texts[int(counted.name[key])],
        k=int(counted.having[1][key]),
        n=int(counted.spans[1][op]),
        k0=int(counted.having[0][key]),
        n0=int(counted.spans[0][op]),
        weight=weight,
        first=first,
    )
