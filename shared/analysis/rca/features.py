"""One row of numbers per service: scale-free, at least 0, larger meaning more suspect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from shared.analysis.rca.baseline_store import BaselineStore
from shared.analysis.rca.errors import Errors, errors
from shared.analysis.rca.latency import Latency, latency
from shared.analysis.rca.logs import Logs, logs
from shared.analysis.rca.metrics import Metrics, Rows, metrics
from shared.analysis.rca.structure import Structure, callees, structure
from shared.analysis.rca.table import Floats, Ints, Table
from shared.analysis.rca.tree import Tree, grow

NAMES: Final = (
    "own_share",
    "own_rise",
    "in_share",
    "in_rise",
    "out_rise",
    "touched",
    "changed",
    "cpu_rise",
    "cpu_share",
    "memory_rise",
    "restored",
)
RISE: Final = 3.0
"""Log-ratios are cut here: twentyfold is as clear as a thousandfold."""
OWN: Final = 2.0
"""Own times are cut here, at sevenfold: they are steadier than ways are."""
HALF: Final = 1.5
"""-log10 p that counts half."""
USUAL: Final = 0.25
"""A rise (of 0…1) up to here is no excuse for a caller that ends early or fails."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was measured, to be cited."""

    table: Table
    tree: Tree
    latency: Latency
    structure: Structure
    errors: Errors
    logs: Logs
    metrics: Metrics
    spans: tuple[Ints, Ints]
    """Per service the number of its spans: before, during."""
    busier: Floats
    """Per service 0…1: how much more often than usual it is called, per second; 1 from threefold."""


def measure(table: Table, rows: Rows | None = None, usual: BaselineStore | None = None) -> tuple[Floats, Evidence]:
    """The matrix services × NAMES, and what it was made from. Repairs `table` in place.

    A share of all excess time counts as far as the rise behind it is large: in a quiet window shares are of nothing.
    """
    tree = grow(table)
    time = latency(table, tree, usual)
    shape = structure(table, tree)
    failed = errors(table, tree, callees(table, tree))
    said = logs(table)
    gauges = metrics(table, rows)
    own_rise = np.minimum(time.own_rise, OWN) / OWN
    in_rise, out_rise = _rise(time.in_rise), _rise(time.out_rise)
    slow = np.maximum(_rise(np.maximum(time.in_rise, time.own_rise)) - USUAL, 0.0) / (1.0 - USUAL)
    broken = np.maximum(significance(failed.weight), significance(shape.silent))
    consequence = 1.0 - _beneath(table, broken, deep=True)
    signs = (
        significance(shape.silent),
        significance(failed.weight * (0.5 + failed.share)),
        significance(shape.early) * consequence,
        significance(said.origin) * consequence,
        significance(said.lost) * consequence,
    )
    changed = np.max(signs, axis=0)
    columns: Mapping[str, Floats] = {
        "own_share": time.own_share * own_rise,
        "own_rise": own_rise,
        "in_share": time.in_share * in_rise,
        "in_rise": in_rise,
        "out_rise": out_rise,
        "touched": time.touched * np.maximum(np.maximum(own_rise, in_rise), out_rise),
        "changed": changed * (1.0 - _beneath(table, slow)),
        "cpu_rise": _rise(gauges.rise["cpu"]),
        "cpu_share": gauges.share["cpu"],
        "memory_rise": _rise(gauges.rise["memory"]),
        "restored": significance(shape.restored) * (1.0 - _beneath(table, slow)),
    }
    matrix = np.stack([columns[name] for name in NAMES], 1) if table.services else np.zeros((0, len(NAMES)))
    return matrix, Evidence(table, tree, time, shape, failed, said, gauges, *_traffic(table))


def _traffic(table: Table) -> tuple[tuple[Ints, Ints], Floats]:
    services = len(table.services)
    spans, lengths = [], []
    for window in (False, True):
        rows = table.incident == window
        starts = table.start[rows]
        spans.append(np.bincount(table.service[rows], minlength=services))
        lengths.append(float(starts.max() - starts.min()) + 1e6 if len(starts) else 0.0)
    if not all(lengths):
        return (spans[0], spans[1]), np.zeros(services)
    ratio = (spans[1] / lengths[1]) / np.maximum(spans[0] / lengths[0], 1e-12)
    busier = np.clip(np.log(np.maximum(ratio, 1e-9) / 1.5) / np.log(2.0), 0.0, 1.0)
    return (spans[0], spans[1]), busier


def _beneath(table: Table, suspicion: Floats, *, deep: bool = False) -> Floats:
    """Per service the greatest `suspicion` among the services it calls: a caller gives up on a slow or broken callee.

    `deep` also looks at what those call, and so on.
    """
    inner = np.flatnonzero(table.parent >= 0)
    width = len(table.services)
    pairs = np.unique(table.service[table.parent[inner]] * width + table.service[inner])
    caller, callee = pairs // width, pairs % width
    other = caller != callee
    caller, callee = caller[other], callee[other]
    found = np.zeros(width)
    for _ in range(width if deep else 1):
        before = found.copy()
        np.maximum.at(found, caller, np.maximum(suspicion, found)[callee] if deep else suspicion[callee])
        if (found == before).all():
            break
    return found


def _rise(values: Floats) -> Floats:
    return np.minimum(values, RISE) / RISE


def significance(values: Floats) -> Floats:
    """-log10 p to 0…1: half at p = 0.03, less and less from there."""
    return values / (values + HALF)
