"""The evidence against one service, and where in it the fault sits: operation and instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from shared.analysis.rca.features import Evidence
from shared.analysis.rca.latency import Keys
from shared.analysis.rca.logs import Line
from shared.analysis.rca.proof import Proof, prove
from shared.analysis.rca.structure import Change
from shared.analysis.rca.table import Floats, Ints, Table

SIGNIFICANT: Final = 1.5
"""-log10 p from which a change is evidence."""
RISEN: Final = 0.1
"""Log-ratio from which a rise is evidence."""
LOOKED_AT: Final = 200
"""Spans among which an example is looked for."""
MOST: Final = 4
"""Proofs a service is given."""


@dataclass(frozen=True, slots=True)
class Witness:
    """What speaks against a service, the strongest first, and where it points."""

    operation: str
    instance: str
    proofs: tuple[Proof, ...]


def testify(service: int, seen: Evidence) -> Witness:
    """Gather what was measured against `service` (an index of the table)."""
    table = seen.table
    found: list[tuple[float, int, Proof, Ints]] = []
    _times(service, seen.latency.own, seen.latency.own.service, "own time", seen, found)
    _times(service, seen.latency.ways, seen.latency.ways.other, "the way there and back", seen, found)
    for change in seen.structure.changes:
        if change.service == service and change.weight > SIGNIFICANT and change.what < 0:
            found.append(_ended(change, table))
    for change in seen.structure.silences:
        if change.service == service and change.weight > SIGNIFICANT:
            found.append(_silent(change, table))
    for change in seen.structure.returns:
        if change.service == service and change.weight > SIGNIFICANT:
            found.append(_went_on(change, table))
    for line in (*seen.logs.lines, *seen.logs.missing):
        if line.service == service and line.weight > SIGNIFICANT:
            found.append(_said(line, table))
    if seen.errors.weight[service] > SIGNIFICANT:
        found.append(_failed(service, seen))
    found.sort(key=lambda f: -f[0])
    proofs = [f[2] for f in found[:MOST]] + _gauges(service, seen)
    rows = found[0][3] if found else np.flatnonzero(table.incident & (table.service == service))
    operation = table.operation(found[0][1])[1] if found else ""
    if not operation and len(rows):
        operation = table.operation(int(np.bincount(table.op[rows]).argmax()))[1]
    return Witness(operation, _instance(service, rows, seen), tuple(proofs))


def _times(
    service: int,
    keys: Keys,
    side: Ints,
    what: str,
    seen: Evidence,
    found: list[tuple[float, int, Proof, Ints]],
) -> None:
    """The key with the greatest certain excess."""
    table = seen.table
    mine = np.flatnonzero((side == service) & (keys.rise > RISEN))
    if not len(mine):
        return
    key = int(mine[np.argmax(keys.excess[mine])])
    rows = np.flatnonzero((keys.key_of_row == key) & table.incident)
    if what != "own time":
        called = seen.tree.callee[rows]
        op = int(np.bincount(table.op[called]).argmax())
    else:
        called, op = rows, int(keys.op[key])
    worst = int(rows[np.argmax(seen.tree.own[rows])])
    name, operation = table.operation(int(keys.op[key]))
    compared = keys.compared
    before, now = round(float(compared.mean_before[key])), round(float(compared.mean_during[key]))
    verbatim = {
        "what": what,
        "service": table.services[service],
        "measured_at": f"{name} {operation}",
        "mean_us_before": before,
        "mean_us": now,
        "spans_before": int(compared.n_before[key]),
        "spans": int(compared.n_during[key]),
        "trace": table.trace_ids[int(table.trace[worst])],
        "span": table.span_ids[worst],
        "span_us": round(float(seen.tree.own[worst])),
    }
    summary = (
        f"{what} of {operation}: {before / 1000:.1f} ms before, {now / 1000:.1f} ms now ({verbatim['spans']} spans)"
    )
    share = float(keys.excess[key]) / (float(np.maximum(keys.excess, 0).sum()) + 1)
    found.append(
        (6 * share + float(keys.rise[key]), op, prove("trace", table.services[service], summary, verbatim), called)
    )


def _ended(change: Change, table: Table) -> tuple[float, int, Proof, Ints]:
    after = table.operation(change.after)[1] if change.after >= 0 else "its beginning"
    operation = table.operation(change.op)[1]
    summary = f"{operation} ends after {after} in {change.k} of {change.n} spans, before in {change.k0} of {change.n0}"
    return _counted("early end", change, after, summary, table)


def _went_on(change: Change, table: Table) -> tuple[float, int, Proof, Ints]:
    """The other way round: what is said of the incident is the change's baseline."""
    after = table.operation(change.after)[1] if change.after >= 0 else "its beginning"
    operation = table.operation(change.op)[1]
    now = change._replace(k=change.k0, n=change.n0, k0=change.k, n0=change.n)
    summary = f"{operation} ends after {after} in {now.k} of {now.n} spans only, before in {now.k0} of {now.n0}"
    return _counted("no early end", now, after, summary, table)


def _silent(change: Change, table: Table) -> tuple[float, int, Proof, Ints]:
    operation = table.operation(change.op)[1]
    summary = f"calls by {operation} arrive nowhere in {change.k} of {change.n}, before in {change.k0} of {change.n0}"
    return _counted("no answer", change, "its beginning", summary, table)


def _counted(what: str, change: Change, after: str, summary: str, table: Table) -> tuple[float, int, Proof, Ints]:
    rows = np.flatnonzero(table.incident & (table.op == change.op))
    shown = int(rows[_ended_so(rows, change, table)])
    verbatim = {
        "what": what,
        "operation": " ".join(table.operation(change.op)),
        "after": after,
        "spans_so": change.k,
        "spans": change.n,
        "spans_so_before": change.k0,
        "spans_before": change.n0,
        "trace": table.trace_ids[int(table.trace[shown])],
        "span": table.span_ids[shown],
    }
    return change.weight, change.op, prove("trace", table.services[change.service], summary, verbatim), rows


def _ended_so(rows: Ints, change: Change, table: Table) -> int:
    """Position in `rows` of a span whose last child is `change.after`; 0 when none of the first has."""
    some = rows[:LOOKED_AT]
    children = np.flatnonzero(np.isin(table.parent, some) & ~table.asynchronous)
    children = children[np.argsort(table.start[children], kind="stable")]
    last = dict(zip(table.parent[children].tolist(), table.op[children].tolist(), strict=True))
    return next((n for n, row in enumerate(some.tolist()) if last.get(row, -1) == change.after), 0)


def _said(line: Line, table: Table) -> tuple[float, int, Proof, Ints]:
    operation = table.operation(line.op)[1]
    rows = np.flatnonzero(table.incident & (table.op == line.op))
    verbatim: dict[str, object] = {
        "what": "log line" if line.first >= 0 else "log line missing",
        "template": line.template,
        "operation": operation,
        "spans_so": line.k,
        "spans": line.n,
        "spans_so_before": line.k0,
        "spans_before": line.n0,
    }
    if line.first >= 0:
        one = table.logs[line.first]
        verbatim |= {
            "line": one.message[:300],
            "level": one.level,
            "time_us": one.time_us,
            "trace": table.trace_ids[int(table.trace[one.row])],
            "span": table.span_ids[one.row],
        }
        summary = f"{operation} logs in {line.k} of {line.n} spans (before {line.k0} of {line.n0}): {one.message[:160]}"
    else:
        summary = f"{operation} logs in {line.k} of {line.n} spans, before in {line.k0} of {line.n0}: {line.template}"
    if line.beside:
        verbatim["as_often_as"] = line.beside
        summary = (
            f"{operation} logs a line as often as the line it came with in {line.k} of {line.n} spans, before in "
            f"{line.k0} of {line.n0}: {line.template}"
        )
    return line.weight + 1.0, line.op, prove("log", table.services[line.service], summary, verbatim), rows


def _failed(service: int, seen: Evidence) -> tuple[float, int, Proof, Ints]:
    table = seen.table
    rows = seen.errors.origins[seen.errors.blamed == service]
    op = int(np.bincount(table.op[rows]).argmax())
    shown = int(rows[0])
    verbatim = {
        "what": "errors begin here",
        "operation": " ".join(table.operation(op)),
        "spans_failed": len(rows),
        "trace": table.trace_ids[int(table.trace[shown])],
        "span": table.span_ids[shown],
    }
    summary = f"{len(rows)} spans failed with nothing failed beneath them, most in {table.operation(op)[1]}"
    weight = float(seen.errors.weight[service])
    return weight, op, prove("trace", table.services[service], summary, verbatim), rows


def _gauges(service: int, seen: Evidence) -> list[Proof]:
    found = []
    for (owner, kind), rise in sorted(seen.metrics.best.items()):
        if owner != service or float(seen.metrics.rise[kind][service]) < RISEN:
            continue
        verbatim = {
            "what": kind,
            "pod": rise.pod,
            "column": rise.column,
            "before": [round(v, 6) for v in rise.before[-20:]],
            "during": [round(v, 6) for v in rise.during[-20:]],
        }
        summary = f"{rise.column} of {rise.pod}: usually up to {rise.usual:.4g}, now {rise.highest:.4g}"
        found.append(prove("metric", rise.pod, summary, verbatim))
    return found


def _instance(service: int, rows: Ints, seen: Evidence) -> str:
    """The slowest of the service's instances among `rows`, else the pod whose metrics rose."""
    table = seen.table
    mine = rows[table.service[rows] == service] if len(rows) else rows
    if not len(mine):
        mine = np.flatnonzero(table.service == service)
    if not len(mine):
        return ""
    n = len(table.instances)
    count: Floats = np.bincount(table.instance[mine], minlength=n).astype(float)
    mean = np.bincount(table.instance[mine], seen.tree.own[mine], n) / np.maximum(count, 1)
    return table.instances[int(np.argmax(np.where(count > 0, mean, -1.0)))]
