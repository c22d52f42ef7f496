"""What spans log: error lines the baseline does not know, and lines that used to be there and are missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from shared.analysis.rca.counts import exceedance
from shared.analysis.rca.structure import CEILING
from shared.analysis.rca.table import Floats, Ints, Table
from shared.analysis.rca.templates import FAILED, REFUSED, template

MOST_HOPS: Final = 256
RARE: Final = 5
"""Error lines are rare: that a known operation had none counts as if it had been seen this often more."""


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


def logs(table: Table) -> Logs:
    """Compare the two windows."""
    services, ops = len(table.services), len(table.operations)
    failed, origin, lost = np.zeros(services), np.zeros(services), np.zeros(services)
    if not table.logs:
        return Logs(failed, origin, lost, (), ())
    n0 = np.bincount(table.op[~table.incident], minlength=ops)
    n = np.bincount(table.op[table.incident], minlength=ops)
    names: dict[str, int] = {}
    bad: set[int] = set()
    seen: dict[tuple[int, int], int] = {}
    for index, line in enumerate(table.logs):
        name = names.setdefault(template(line.message), len(names))
        if line.level in FAILED:
            bad.add(name)
        seen.setdefault((line.row, name), index)
    op, during = table.op.tolist(), table.incident.tolist()
    counts: tuple[Counter[tuple[int, int]], Counter[tuple[int, int]]] = (Counter(), Counter())
    for row, name in seen:
        counts[during[row]][op[row], name] += 1
    texts = list(names)
    found: dict[tuple[int, int], float] = {}
    for key in counts[0].keys() | counts[1].keys():
        k0, k = counts[0][key], counts[1][key]
        if key[1] in bad and k:
            known = int(n0[key[0]])
            found[key] = min(exceedance(k, int(n[key[0]]), k0, known + RARE if known else 1), CEILING)
    rows = [row for row, name in seen if during[row] and found.get((op[row], name), 0.0) > 1.0]
    echoes = _above(table, np.array(rows, np.int64))
    first: dict[tuple[int, int], int] = {}
    at_origin: Counter[tuple[int, int]] = Counter()
    for (row, name), index in seen.items():
        key = (op[row], name)
        if during[row] and key in found:
            at_origin[key] += row not in echoes
            first.setdefault(key, index)
    lines = []
    for key, weight in found.items():
        service = table.operations[key[0]][0]
        failed[service] = max(failed[service], weight)
        origin[service] = max(origin[service], weight * at_origin[key] / counts[1][key])
        lines.append(_line(table, key, texts, counts, (n, n0), weight, first.get(key, -1)))
    missing = _missing(table, texts, counts, (n, n0), bad)
    for line_ in missing:
        lost[line_.service] = max(lost[line_.service], line_.weight)
    lines.sort(key=lambda x: -x.weight)
    return Logs(failed, origin, lost, tuple(lines), tuple(missing))


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


def _missing(
    table: Table,
    texts: list[str],
    counts: tuple[Counter[tuple[int, int]], Counter[tuple[int, int]]],
    spans: tuple[Ints, Ints],
    bad: set[int],
) -> list[Line]:
    """Lines that fewer spans of the same operation have, as far as no other line has come in their place."""
    n, n0 = spans
    more: dict[int, float] = {}
    for key in counts[1]:
        if key[1] not in bad and n0[key[0]]:
            gained = counts[1][key] / n[key[0]] - counts[0][key] / n0[key[0]]
            more[key[0]] = max(more.get(key[0], 0.0), gained)
    found = []
    for key, k0 in counts[0].items():
        o = key[0]
        if not n[o] or key[1] in bad:
            continue
        replaced = min(round(more.get(o, 0.0) * int(n[o])), int(n[o]))
        k = min(counts[1][key] + replaced, int(n[o]))
        weight = min(exceedance(int(n[o]) - k, int(n[o]), int(n0[o]) - k0, int(n0[o])), CEILING)
        if weight > 0.5:
            found.append(_line(table, key, texts, counts, spans, weight, -1))
    return sorted(found, key=lambda x: -x.weight)


def _line(
    table: Table,
    key: tuple[int, int],
    texts: list[str],
    counts: tuple[Counter[tuple[int, int]], Counter[tuple[int, int]]],
    spans: tuple[Ints, Ints],
    weight: float,
    first: int,
) -> Line:
    op, name = key
    n, n0 = spans
    service = table.operations[op][0]
    return Line(service, op, texts[name], counts[1][key], int(n[op]), counts[0][key], int(n0[op]), weight, first)
