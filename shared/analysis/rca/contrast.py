"""The worst trace of an incident beside a normal one, and the one line that says what is different."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from shared.analysis.rca.critical import root_of, rows_of
from shared.analysis.rca.rank import Diagnosis, Suspect
from shared.analysis.rca.table import Bools, Floats, Ints, Table
from shared.analysis.rca.tree import own_times
from shared.analysis.rca.waterfall import clean, index_of

STRUCTURAL: Final = frozenset(("exception", "early-return", "crash", "business-rule", "dependency-outage"))
"""Causes that show in what is called and what fails, more than in how long it takes."""
LONGEST_SAID: Final = 240


class Contrast(NamedTuple):
    """Indices into `table.trace_ids`; `normal` is -1 when the baseline has no trace of the same root operation."""

    worst: int
    normal: int
    difference: str


def worst_and_normal(table: Table, found: Diagnosis, service: str, operation: str = "") -> Contrast | None:
    """The worst trace that shows what is said of `service` (and its `operation`), and a normal trace like it.

    `found` is the diagnosis of `table`. None when no trace of the incident passes through the service.
    """
    own = own_times(table)
    suspect = next((s for s in found.ranked if s.service == service), None)
    worst = _cited(table, suspect)
    if worst < 0:
        worst = _worst(table, own, service, operation)
    if worst < 0:
        return None
    normal = _normal(table, worst, service)
    return Contrast(worst, normal, _difference(table, own, (worst, normal), service, suspect))


def _cited(table: Table, suspect: Suspect | None) -> int:
    """The trace that the strongest proof against the suspect points to."""
    for proof in suspect.evidence if suspect else ():
        if proof.trace_id and (known := index_of(table, proof.trace_id, incident=True)) >= 0:
            return known
    return -1


def _worst(table: Table, own: Floats, service: str, operation: str) -> int:
    """The trace in which the service failed, or else took longest beyond what its operation usually takes."""
    if service not in table.services:
        return -1
    mine = table.incident & (table.service == table.services.index(service))
    exact = mine & np.isin(table.op, [n for n, (_, name) in enumerate(table.operations) if name == operation])
    rows = np.flatnonzero(exact if exact.any() else mine)
    if not len(rows):
        return -1
    usual = np.array([_median(own, ~table.incident & (table.op == op)) for op in range(len(table.operations))])
    worst = max(rows.tolist(), key=lambda r: (bool(table.error[r]), float(own[r] - usual[table.op[r]]), -r))
    return int(table.trace[worst])


def _median(values: Floats, chosen: Bools) -> float:
    return float(np.median(values[chosen])) if chosen.any() else 0.0


def _normal(table: Table, worst: int, service: str) -> int:
    """Of the baseline's traces with the same root operation and no error, one of usual length; better through the
    service."""
    op = table.op[root_of(table, worst)]
    roots = np.flatnonzero((table.parent < 0) & ~table.incident & (table.op == op))
    if not len(roots):
        return -1
    failed = np.zeros(len(table.trace_ids), bool)
    failed[table.trace[table.error]] = True
    through = np.zeros(len(table.trace_ids), bool)
    if service in table.services:
        through[table.trace[table.service == table.services.index(service)]] = True
    usual = float(np.median(table.duration[roots]))
    size = np.bincount(table.trace, minlength=len(table.trace_ids))
    target = float(np.median(size[table.trace[roots]]))

    def odd(row: int) -> tuple[bool, bool, float, float, int]:
        n = int(table.trace[row])
        return bool(failed[n]), not through[n], abs(float(size[n]) - target), abs(float(table.duration[row]) - usual), n

    return int(table.trace[min(roots.tolist(), key=odd)])


def _difference(table: Table, own: Floats, pair: tuple[int, int], service: str, suspect: Suspect | None) -> str:
    """One line with figures."""
    worst, normal = pair
    rows = rows_of(table, worst)
    took = float(table.duration[root_of(table, worst)]) / 1000
    if normal < 0:
        return f"no trace in the baseline begins with the same operation; this one took {took:.1f} ms"
    usual = rows_of(table, normal)
    before = float(table.duration[root_of(table, normal)]) / 1000
    whole = f"the trace took {took:.1f} ms, the normal one {before:.1f} ms"
    said = _logged(table, worst, suspect) or _called(table, rows, usual, service)
    slower = _slower(table, own, rows, usual, service)
    structural = suspect is not None and suspect.cause in STRUCTURAL
    said = (said or slower) if structural else (slower or said)
    return f"{said}; {whole}" if said else whole


def _logged(table: Table, worst: int, suspect: Suspect | None) -> str:
    """What the suspect's strongest proof says, if it is a log line of this very trace."""
    proof = next((p for p in suspect.evidence if p.trace_id), None) if suspect else None
    if proof is None or proof.kind != "log" or proof.trace_id != table.trace_ids[worst]:
        return ""
    return clean(proof.summary, LONGEST_SAID)


def _slower(table: Table, own: Floats, rows: Ints, usual: Ints, service: str) -> str:
    """The operation at the service, or on the way to it, whose own time has grown most."""
    ops = len(table.operations)
    gain = np.bincount(table.op[rows], own[rows], ops) - np.bincount(table.op[usual], own[usual], ops)
    near = np.zeros(ops, bool)
    near[[n for n, (s, _) in enumerate(table.operations) if table.services[s] == service]] = True
    inner = rows[table.parent[rows] >= 0]
    near[table.op[table.parent[inner[near[table.op[inner]]]]]] = True
    gain = np.where(near, gain, -np.inf)
    best = int(np.argmax(gain))
    if not gain[best] > 0:
        return ""
    counts = [int((table.op[some] == best).sum()) for some in (rows, usual)]
    sums = [float(own[some[table.op[some] == best]].sum()) / 1000 for some in (rows, usual)]
    times = f" in {counts[0]} spans against {counts[1]}" if counts[0] != counts[1] else ""
    name = " ".join(map(clean, table.operation(best)))
    return f"{name} itself took {sums[0]:.1f} ms here and {sums[1]:.1f} ms there{times}"


def _called(table: Table, rows: Ints, usual: Ints, service: str) -> str:
    """The first failure, or the operation whose count has changed most: one that the service has or calls, else any."""
    ops = len(table.operations)
    failed = rows[table.error[rows]]
    if len(failed):
        inner = set(table.parent[failed].tolist())
        origin = next((r for r in failed.tolist() if r not in inner), int(failed[0]))
        name = " ".join(map(clean, table.operation(int(table.op[origin]))))
        there = int(table.error[usual].sum())
        return f"{name} fails here ({len(failed)} of {len(rows)} spans failed, {there} of {len(usual)} there)"
    now, then = (np.bincount(table.op[some], minlength=ops) for some in (rows, usual))
    change = np.abs(now - then)
    near = np.zeros(ops, bool)
    for some in (rows, usual):
        near[table.op[some[_of(table, some, service)]]] = True
        inner_ = some[table.parent[some] >= 0]
        near[table.op[inner_[_of(table, table.parent[inner_], service)]]] = True
    best = int(np.argmax(np.where(near, change, 0) if change[near].any() else change))
    if not change[best]:
        return ""
    name = " ".join(map(clean, table.operation(best)))
    return f"{name} is called {now[best]}× here and {then[best]}× there ({len(rows)} spans against {len(usual)})"


def _of(table: Table, rows: Ints, service: str) -> Bools:
    return np.array([table.services[s] == service for s in table.service[rows].tolist()], bool)
