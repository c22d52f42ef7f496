"""Which kind of fault the evidence against a service is typical of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np

from shared.analysis.rca.features import NAMES, Evidence, significance
from shared.analysis.rca.table import Floats

CauseClass = Literal[
    "cpu",
    "memory",
    "network-delay",
    "slow-dependency",
    "exception",
    "early-return",
    "crash",
    "saturation",
    "bad-deploy",
    "business-rule",
    "dependency-outage",
]
AS_FACT: Final[Mapping[CauseClass, str]] = {
    "cpu": "slow",
    "memory": "oom",
    "network-delay": "network",
    "slow-dependency": "slow-dependency",
    "exception": "errors",
    "early-return": "early-return",
    "crash": "crash",
    "saturation": "saturation",
    "bad-deploy": "bad-deploy",
    "business-rule": "business-rule",
    "dependency-outage": "dependency",
}
"""The incident protocol's word for each class (shared.incident.facts.Cause)."""
RECENT: Final = 0.5
"""Nats a deployment must have added to a service's score to be its cause."""


def cause(service: int, matrix: Floats, seen: Evidence, deployed: float = 0.0) -> CauseClass:
    """The class whose typical traces are strongest. `deployed`: nats that a recent deployment speaks for.

    Lines that are lost while all is called as ever were skipped, as by an exception that is caught: nothing ended
    early.
    """
    x = dict(zip(NAMES, matrix[service].tolist(), strict=True))
    shape = seen.structure
    said = float(significance(seen.logs.origin)[service])
    failed = float(significance(seen.errors.weight)[service])
    silent = float(significance(shape.silent)[service])
    cut = float(significance(np.maximum(shape.early, seen.logs.lost))[service])
    skipped = float(significance(seen.logs.lost)[service]) * (1.0 - float(significance(shape.early)[service]))
    leaf, busier = _leaf(service, seen), float(seen.busier[service])
    own = x["own_rise"] + 0.5 * x["own_share"]
    way = x["in_rise"] + 0.5 * x["in_share"]
    inside = x["own_share"] / (x["own_share"] + x["in_share"] + 1e-9)
    busy = x["cpu_rise"] + 0.5 * x["cpu_share"]
    idle = max(0.0, 1 - 4 * busy)
    refused = any(line.refused and line.service == service and line.weight > 2 for line in seen.logs.lines)
    alone = not seen.spans[1][service]
    called = bool(seen.spans[0][service])
    strength: dict[CauseClass, float] = {
        "cpu": own * (1 - leaf * idle) + 2.0 * x["cpu_rise"] + x["cpu_share"] + 0.5 * x["out_rise"],
        "memory": 2.0 * x["memory_rise"] * (x["cpu_rise"] < x["memory_rise"]),
        "network-delay": way * (1 - 0.7 * min(1.0, x["own_rise"] * (0.5 + 0.5 * inside) + 2 * busy)),
        "slow-dependency": own * leaf * idle,
        "exception": 1.6 * max(said, failed, skipped),
        "early-return": 1.2 * cut,
        "crash": 2.0 * silent * called * (alone or silent > failed),
        "saturation": (own + way) * busier * (1.5 if x["in_rise"] > x["own_rise"] else 1.0),
        "bad-deploy": 3.0 if deployed > RECENT else 0.0,
        "business-rule": 1.8 * max(said, cut) * refused,
        "dependency-outage": 1.8 * max(failed, said) * _unreachable(service, seen),
    }
    return max(strength, key=lambda name: strength[name])


def _leaf(service: int, seen: Evidence) -> float:
    """The part of the service's risen own time that it spends in operations which call nothing themselves, if it also
    has others: its calls to something that is not traced."""
    keys = seen.latency.own
    mine = (keys.service == service) & (keys.excess > 0)
    total = float(keys.excess[mine].sum())
    if total <= 0:
        return 0.0
    rows = np.flatnonzero(seen.table.service == service)
    children = np.bincount(seen.table.op[rows], seen.tree.children[rows], len(seen.table.operations))
    leaves = children == 0
    entries = seen.table.parent[rows]
    entered = (entries < 0) | (seen.table.service[entries] != service)
    inner = leaves.copy()
    inner[np.unique(seen.table.op[rows[entered]])] = False
    return float(keys.excess[mine & inner[keys.op]].sum()) / total


def _unreachable(service: int, seen: Evidence) -> float:
    """The part of the service's failed origins that lie in operations which call nothing: something outside is down."""
    mine = seen.errors.origins[seen.errors.blamed == service]
    if not len(mine):
        return 0.0
    table = seen.table
    inner = (table.parent[mine] >= 0) & (table.service[table.parent[mine]] == service)
    return float((inner & (seen.tree.children[mine] == 0)).mean())
