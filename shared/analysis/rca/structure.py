"""What calls what: calls that are new, missing or cut short, against the baseline and given the same beginning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from shared.analysis.rca.counts import CEILING, exceedance, of_many
from shared.analysis.rca.table import Floats, Ints, Table
from shared.analysis.rca.tree import Tree

KNOWN: Final = 0.8
"""An operation is a call to a service if at least this share of its baseline spans has its only child there."""


class Change(NamedTuple):
    """A share that is not what it was: `k` of `n` in the incident, `k0` of `n0` before; `weight` is -log10 p."""

    service: int
    op: int
    after: int
    """The child operation it follows on, -1 for the beginning."""
    what: int
    """The child operation that is new, -1 for the end."""
    k: int
    n: int
    k0: int
    n0: int
    weight: float
    back: bool = False
    """The other way round: an end that used to come early and no longer does."""


@dataclass(frozen=True, slots=True)
class Structure:
    """Per service the strongest change of each kind (-log10 p), and all of them."""

    early: Floats
    novel: Floats
    silent: Floats
    restored: Floats
    """Spans that go on where they used to end early: the baseline may be the time after the repair of something."""
    changes: tuple[Change, ...]
    """Early ends and new calls, strongest first."""
    silences: tuple[Change, ...]
    """Calls that no longer arrive: `service` is the callee."""
    returns: tuple[Change, ...]
    """Ends that used to come early: `k` of `n` in the baseline, `k0` of `n0` in the incident."""


def structure(table: Table, tree: Tree) -> Structure:
    """Compare the two windows."""
    services = len(table.services)
    early, novel, silent, restored = (np.zeros(services) for _ in range(4))
    callee_of = callees(table, tree)
    changes, silences, returns = [], [], []
    found, tested = _transitions(table, _beneath(table, tree), callee_of)
    for change in found:
        if change.what >= 0:
            novel[change.service] = max(novel[change.service], change.weight)
            changes.append(change)
        elif change.after < 0 and callee_of[change.op] >= 0 and not change.back:
            gone = change._replace(service=int(callee_of[change.op]))
            silent[gone.service] = max(silent[gone.service], gone.weight)
            silences.append(gone)
        elif change.back:
            restored[change.service] = max(restored[change.service], change.weight)
            returns.append(change)
        else:
            early[change.service] = max(early[change.service], change.weight)
            changes.append(change)
    early, restored = of_many(early, tested), of_many(restored, tested)
    changes.sort(key=lambda c: -c.weight)
    silences.sort(key=lambda c: -c.weight)
    return Structure(early, novel, silent, restored, tuple(changes), tuple(silences), tuple(returns))


def callees(table: Table, tree: Tree) -> Ints:
    """Per operation the service it is a call to, -1 for none; judged on the baseline, or on the incident without."""
    ops = len(table.operations)
    result = np.full(ops, -1, np.int64)
    for window in (True, False):
        rows = np.flatnonzero(table.incident == window)
        calls = rows[tree.callee[rows] >= 0]
        if not len(calls):
            continue
        width = len(table.services)
        pair = table.op[calls] * width + table.service[tree.callee[calls]]
        code, count = np.unique(pair, return_counts=True)
        spans = np.bincount(table.op[rows], minlength=ops)
        often = count >= KNOWN * spans[code // width]
        result[code[often] // width] = code[often] % width
    return result


def _beneath(table: Table, tree: Tree) -> Floats:
    """Per span the number of spans beneath it."""
    beneath = np.zeros(len(table))
    order = np.argsort(-tree.depth, kind="stable")
    bounds = np.flatnonzero(np.diff(tree.depth[order])) + 1
    for level in np.split(order, bounds):
        inner = level[table.parent[level] >= 0]
        np.add.at(beneath, table.parent[inner], beneath[inner] + 1)
    return beneath


def _transitions(table: Table, beneath: Floats, callee_of: Ints) -> tuple[list[Change], Ints]:
    """Ends that come more often after the same child than they did, and children that were never there.

    An end is early if the spans that come to that child have less beneath them than they had: one that makes room for
    more is none.
    """
    ops = len(table.operations)
    rows = np.flatnonzero((table.parent >= 0) & ~table.asynchronous)
    order = rows[np.lexsort((table.start[rows], table.parent[rows]))]
    above = table.parent[order]
    fresh = np.ones(len(order), bool)
    fresh[1:] = above[1:] != above[:-1]
    child = table.op[order]
    previous = np.full(len(order), ops, np.int64)
    previous[1:] = child[:-1]
    previous[fresh] = ops
    last = np.full(len(table), ops, np.int64)
    last[above] = child
    context = np.concatenate((table.op[above], table.op)) * (ops + 1) + np.concatenate((previous, last))
    event = np.concatenate((child, np.full(len(table), ops, np.int64)))
    during = np.concatenate((table.incident[above], table.incident))
    contexts, at = np.unique(context, return_inverse=True)
    n0 = np.bincount(at[~during], minlength=len(contexts))
    n = np.bincount(at[during], minlength=len(contexts))
    ended = event == ops
    k0 = np.bincount(at[ended & ~during], minlength=len(contexts))
    k = np.bincount(at[ended & during], minlength=len(contexts))
    spans = np.concatenate((above, np.arange(len(table))))
    size = beneath[spans]
    mean0 = np.bincount(at[~during], size[~during], len(contexts)) / np.maximum(n0, 1)
    mean = np.bincount(at[during], size[during], len(contexts)) / np.maximum(n, 1)
    known = (n0 > 0) & (n > 0)
    more = known & (k * n0 > k0 * n)
    called = np.bincount(table.op[above], minlength=ops) > 0
    found = []
    for c in np.flatnonzero(known & (k * n0 != k0 * n)).tolist():
        op, after = divmod(int(contexts[c]), ops + 1)
        after = -1 if after == ops else after
        unanswered = after < 0 and callee_of[op] >= 0
        if more[c] and (mean[c] < mean0[c] or unanswered):
            found.append(_change(table, op, after, -1, (k[c], n[c], k0[c], n0[c])))
        elif not more[c] and mean[c] > mean0[c] and called[op]:
            found.append(_change(table, op, after, -1, (k0[c], n0[c], k[c], n[c]))._replace(back=True))
    service_of = np.fromiter((s for s, _ in table.operations), np.int64, ops)
    varies = known & (k + k0 > 0) & (k + k0 < n + n0)
    tested = np.bincount(service_of[contexts[varies] // (ops + 1)], minlength=len(table.services))
    return found + _new_children(table, order, above), tested


def _new_children(table: Table, order: Ints, above: Ints) -> list[Change]:
    ops = len(table.operations)
    spans0 = np.bincount(table.op[~table.incident], minlength=ops)
    spans = np.bincount(table.op[table.incident], minlength=ops)
    pair = table.op[above] * ops + table.op[order]
    once = np.unique(above * ops + table.op[order], return_index=True)[1]
    pair, during = pair[once], table.incident[above[once]]
    code, at = np.unique(pair, return_inverse=True)
    k0 = np.bincount(at[~during], minlength=len(code))
    k = np.bincount(at[during], minlength=len(code))
    found = []
    for c in np.flatnonzero((k0 == 0) & (k > 0)).tolist():
        op, what = divmod(int(code[c]), ops)
        if spans0[op]:
            found.append(_change(table, op, -1, what, (k[c], spans[op], 0, spans0[op])))
    return found


def _change(table: Table, op: int, after: int, what: int, counts: tuple[int, int, int, int]) -> Change:
    k, n, k0, n0 = (int(c) for c in counts)
    weight = min(exceedance(k, n, k0, n0), CEILING)
    return Change(table.operations[op][0], op, after, what, k, n, k0, n0, weight)
