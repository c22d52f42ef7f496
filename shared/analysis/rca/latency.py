"""Whose time has grown: own time by (operation, caller), and the way between caller and callee."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from shared.analysis.rca.baseline_store import HOUR_US, BaselineStore, Key
from shared.analysis.rca.groups import Compared, compare, trimmed_mean
from shared.analysis.rca.table import Bools, Floats, Ints, Table
from shared.analysis.rca.tree import Tree

FEWEST: Final = 2
"""Samples a key needs in each window to be compared."""
FEW: Final = 20
"""Up to this many samples in the baseline's window, a key is helped out with what is usual, if that is known."""
LENT: Final = 60
"""Samples it then has together with what is lent to it."""
PRIOR: Final = 5.0
"""How many samples the scatter common to all keys is worth against a key's own."""
SIGMAS: Final = 1.0
"""By how many standard errors a rise is lowered: what is left can be relied on."""
CERTAIN: Final = 2.0
"""Standard deviations by which ranks must have shifted (Mann & Whitney) for a rise to count in full: one outlier lifts
a mean, not the ranks."""
HALF: Final = 0.2
"""A certain rise by this log-ratio counts half of the excess."""
SLACK: Final = 0.1
"""Excess of a tenth of all time counts half: below that a share of the excess says little."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Samples of one kind, grouped. Per key: the operation, the services on both sides, and what has changed."""

    op: Ints
    service: Ints
    """Whose time it is; for a way, the caller."""
    other: Ints
    """For own time the caller's service (or the number of services for none), for a way the callee's."""
    compared: Compared
    rise: Floats
    """Log-ratio of the trimmed means, lowered by its standard error, at least 0, as far as the ranks have shifted."""
    excess: Floats
    """µs that the incident's samples took beyond the baseline's mean, all together, as far as the rise is certain."""
    key_of_row: Ints
    """Per span its key, -1 for none."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Per service, all scale-free; see `features` for what each means."""

    own: Keys
    ways: Keys
    own_share: Floats
    own_rise: Floats
    own_breadth: Floats
    in_share: Floats
    in_rise: Floats
    out_rise: Floats
    touched: Floats


def latency(table: Table, tree: Tree, usual: BaselineStore | None = None) -> Latency:
    """Compare the two windows; `usual` helps out where the baseline's has few spans of an operation, or none."""
    services = len(table.services)
    call = tree.callee >= 0
    above = np.where(table.parent >= 0, table.service[table.parent], services)
    own = _keys(table, tree.own, ~call, above, usual)
    ways = _keys(table, tree.own, call, np.where(call, table.service[tree.callee], 0), usual)
    roots = table.incident & (table.parent < 0)
    total = np.maximum(own.excess, 0).sum() + np.maximum(ways.excess, 0).sum()
    scale = total + SLACK * float(table.duration[roots].sum()) + 1.0
    own_excess = np.bincount(own.service, own.excess, services)
    in_excess = np.bincount(ways.other, ways.excess, services)
    out_excess = np.bincount(ways.service, ways.excess, services)
    weight = own.compared.n_during * own.compared.mean_during * (own.rise >= 0)
    usable = (own.compared.n_before >= FEWEST) & (own.compared.n_during >= FEWEST)
    weight = np.sqrt(np.where(usable, weight, 0.0))
    own_rise = _mean(own.rise, weight, own.service, services)
    breadth = _mean((own.rise > np.log(1.3)).astype(float), weight, own.service, services)
    in_rise, out_rise, touching = _pods(ways, services)
    touched = np.maximum(own_excess, 0) * breadth + np.maximum(in_excess, 0) + np.maximum(out_excess, 0)
    return Latency(
        own=own,
        ways=ways,
        own_share=np.maximum(own_excess, 0) / scale,
        own_rise=own_rise,
        own_breadth=breadth,
        in_share=np.maximum(in_excess, 0) / scale,
        in_rise=in_rise,
        out_rise=out_rise,
        touched=touched / scale * touching,
    )


def _keys(table: Table, values: Floats, chosen: Bools, other: Ints, usual: BaselineStore | None) -> Keys:
    rows = np.flatnonzero(chosen)
    width = len(table.services) + 1
    code, key = np.unique(table.op[rows] * width + other[rows], return_inverse=True)
    n = len(code)
    sample, of, during = values[rows], key, table.incident[rows]
    if usual is not None:
        borrowed, keys = _borrowed(table, rows, key, code // width, usual)
        sample, of = np.concatenate((sample, borrowed)), np.concatenate((of, keys))
        during = np.concatenate((during, np.zeros(len(keys), bool)))
    compared = compare(sample, of, during, n)
    usable = (compared.n_before >= FEWEST) & (compared.n_during >= FEWEST)
    scatter = _scatter(np.log1p(sample), of, during, n)
    common = float(np.median(scatter[usable])) if usable.any() else 1.0
    weight = compared.n_before + compared.n_during
    variance = (scatter**2 * weight + common**2 * PRIOR) / (weight + PRIOR)
    error = np.sqrt(variance * (1 / np.maximum(compared.n_before, 1) + 1 / np.maximum(compared.n_during, 1)))
    floor = 0.01 * float(np.median(values[rows])) + 1.0 if len(rows) else 1.0
    ratio = np.log((compared.mean_during + floor) / (compared.mean_before + floor))
    sure = np.clip(compared.z / CERTAIN, 0.0, 1.0)
    rise = np.where(usable, np.maximum(ratio - SIGMAS * error, 0.0) * sure, 0.0)
    op = code // width
    key_of_row = np.full(len(table), -1, np.int64)
    key_of_row[rows] = key
    service_of = np.fromiter((s for s, _ in table.operations), np.int64, len(table.operations))
    return Keys(
        op=op,
        service=service_of[op],
        other=code % width,
        compared=compared,
        rise=rise,
        excess=rise / (rise + HALF) * compared.n_during * (compared.mean_during - compared.mean_before),
        key_of_row=key_of_row,
    )


def _borrowed(table: Table, rows: Ints, key: Ints, op: Ints, usual: BaselineStore) -> tuple[Floats, Ints]:
    """Samples of what is usual at this hour, and their keys: for keys that the baseline's window hardly knows.

    The store knows operations by their caller, not by what they call: of an operation under several keys it is not
    asked where its calls go different ways.
    """
    before = np.bincount(key[~table.incident[rows]], minlength=len(op))
    during = np.flatnonzero(table.incident[rows])
    hour = int(np.median(table.start[table.incident])) // HOUR_US % 24 if len(during) else 0
    first = dict(zip(key[during[::-1]].tolist(), rows[during[::-1]].tolist(), strict=True))
    wanted: dict[Key, list[int]] = {}
    for one, row in first.items():
        above = int(table.parent[row])
        service, operation = table.operation(int(op[one]))
        caller = table.services[int(table.service[above])] if above >= 0 else ""
        wanted.setdefault(Key(service, operation, caller), []).append(one)
    samples, keys = [np.zeros(0)], [np.zeros(0, np.int64)]
    for name, ones in wanted.items():
        known = usual.usual(name, hour) if len(ones) == 1 and before[ones[0]] < FEW else None
        if known is not None:
            samples.append(known.samples(LENT - int(before[ones[0]])))
            keys.append(np.full(len(samples[-1]), ones[0]))
    return np.concatenate(samples), np.concatenate(keys)


def _scatter(logs: Floats, key: Ints, during: Bools, n: int) -> Floats:
    """Standard deviation within a window, both windows pooled, each around its trimmed mean."""
    both = key * 2 + during
    count = np.bincount(both, minlength=2 * n).astype(float)
    centre = trimmed_mean(logs[np.lexsort((logs, both))], count)
    squares = np.bincount(both, (logs - centre[both]) ** 2, minlength=2 * n).reshape(n, 2).sum(1)
    free = np.maximum(count - 1, 0).reshape(n, 2).sum(1)
    deviation: Floats = np.sqrt(squares / np.maximum(free, 1))
    return deviation


def _mean(values: Floats, weight: Floats, group: Ints, groups: int) -> Floats:
    return np.bincount(group, values * weight, groups) / np.maximum(np.bincount(group, weight, groups), 1e-12)


def _pods(ways: Keys, services: int) -> tuple[Floats, Floats, Floats]:
    """Rise of the ways in and out per service, and the part of its edges that rose.

    An edge is slow for its caller or for its callee. A caller is suspect by the median over its callees, with one
    neighbour for free at no rise; a callee by what is left after its callers' own suspicion.
    """
    weight = np.sqrt(np.minimum(ways.compared.n_before, ways.compared.n_during))
    pair, at = np.unique(ways.service * services + ways.other, return_inverse=True)
    rise = _mean(ways.rise, weight, at, len(pair))
    strong: Floats = np.bincount(at, weight, len(pair)).astype(float)
    caller, callee = pair // services, pair % services
    out_rise = np.zeros(services)
    for service in np.unique(caller):
        out_rise[service] = float(np.median(np.append(rise[caller == service], 0.0)))
    left = np.maximum(rise - out_rise[caller], 0.0)
    in_rise = _mean(left, strong, callee, services)
    lifted = (rise > np.log(1.5)).astype(float)
    edges = np.bincount(caller, minlength=services) + np.bincount(callee, minlength=services)
    up = np.bincount(caller, lifted, services) + np.bincount(callee, lifted, services)
    return in_rise, out_rise, up / (edges + 0.5)
