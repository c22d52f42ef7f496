"""One row of numbers per service: scale-free, at least 0, larger meaning more suspect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from shared.analysis.rca.errors import Errors, errors
from shared.analysis.rca.latency import Latency, latency
from shared.analysis.rca.logs import Logs, logs
from shared.analysis.rca.metrics import Metrics, Rows, metrics
from shared.analysis.rca.structure import Structure, callees, structure
from shared.analysis.rca.table import Floats, Table
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
)
RISE: Final = 3.0
"""Log-ratios are cut here: twentyfold is as clear as a thousandfold."""


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


def measure(table: Table, rows: Rows | None = None) -> tuple[Floats, Evidence]:
    """The matrix services × NAMES, and what it was made from. Repairs `table` in place."""
    tree = grow(table)
    time = latency(table, tree)
    shape = structure(table, tree)
    failed = errors(table, callees(table, tree))
    said = logs(table)
    gauges = metrics(table, rows)
    in_rise = _rise(time.in_rise)
    broken = np.maximum(significance(failed.weight), significance(shape.silent))
    early = significance(shape.early) * (1.0 - _beneath(table, tree, broken))
    signs = (shape.silent, failed.weight * (0.5 + failed.share), said.origin, said.lost)
    quiet = (1.0 - early) * np.prod([1.0 - significance(sign) for sign in signs], axis=0)
    columns: Mapping[str, Floats] = {
        "own_share": time.own_share,
        "own_rise": _rise(time.own_rise),
        "in_share": time.in_share,
        "in_rise": in_rise,
        "out_rise": _rise(time.out_rise),
        "touched": time.touched,
        "changed": (1.0 - quiet) * (1.0 - _beneath(table, tree, in_rise)),
        "cpu_rise": _rise(gauges.rise["cpu"]),
        "cpu_share": gauges.share["cpu"],
        "memory_rise": _rise(gauges.rise["memory"]),
    }
    matrix = np.stack([columns[name] for name in NAMES], 1) if table.services else np.zeros((0, len(NAMES)))
    return matrix, Evidence(table, tree, time, shape, failed, said, gauges)


def _beneath(table: Table, tree: Tree, suspicion: Floats) -> Floats:
    """Per service the greatest `suspicion` among the services it calls: a caller gives up on a slow callee."""
    inner = np.flatnonzero(table.parent >= 0)
    width = len(table.services)
    pairs = np.unique(table.service[table.parent[inner]] * width + table.service[inner])
    caller, callee = pairs // width, pairs % width
    other = caller != callee
    found = np.zeros(width)
    np.maximum.at(found, caller[other], suspicion[callee[other]])
    return found


def _rise(values: Floats) -> Floats:
    return np.minimum(values, RISE) / RISE


def significance(values: Floats) -> Floats:
    """-log10 p to 0…1: nothing up to p = 0.03, half at 0.001, less and less from there."""
    above = np.maximum(values - 1.5, 0.0)
    return above / (above + 1.5)
