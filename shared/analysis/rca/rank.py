"""The diagnosis: one ranking of (service, operation, instance, cause class) with probabilities and evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from shared.analysis.rca.baseline_store import BaselineStore
from shared.analysis.rca.causes import CauseClass, cause
from shared.analysis.rca.features import Evidence, measure
from shared.analysis.rca.metrics import Rows
from shared.analysis.rca.model import Scores, scores
from shared.analysis.rca.proof import Proof
from shared.analysis.rca.table import SetAside, Table
from shared.analysis.rca.weights import LEARNED
from shared.analysis.rca.witness import testify

MOST_SUSPECTS: Final = 10
WITH_EVIDENCE: Final = 3
"""How many of the ranking are given their evidence."""
DEPLOY_NATS: Final = 1.5
"""What a deployment at the very moment of the first symptom adds to a service's score; it fades over an hour."""
DEPLOY_FADES_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Suspect:
    """One line of the ranking. `operation` and `instance` are empty where the evidence does not say."""

    service: str
    operation: str
    instance: str
    cause: CauseClass
    probability: float
    evidence: tuple[Proof, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The ranking, likeliest first. When `unknown` it is only where to look first, and `because` says why."""

    ranked: tuple[Suspect, ...]
    unknown: bool
    because: str
    none: float
    """The probability that none of the services is the cause."""
    missing: tuple[str, ...]
    set_aside: SetAside
    spans: int


def diagnose(
    table: Table,
    rows: Rows | None = None,
    deployed: Mapping[str, float] | None = None,
    usual: BaselineStore | None = None,
) -> Diagnosis:
    """Rank the services of `table` (both windows; repaired in place).

    `deployed`: per service the seconds from its last deployment or configuration change to the first symptom.
    `usual`: what Scout has learned of quiet times; it helps out where the baseline's window has few spans or none.
    """
    matrix, seen = measure(table, rows, usual)
    nats = np.array([_deployed(deployed, name) for name in table.services])
    moved = matrix.any(axis=1) if len(matrix) else np.zeros(0, bool)
    with_logs = bool(table.logs)
    with_metrics = bool(seen.metrics.best) or (rows is not None and len(rows.rows) > 0)
    weights = LEARNED[("logs+" if with_logs else "") + ("metrics" if with_metrics else "traces")]
    result = scores(matrix, weights, np.where(moved, nats, 0.0))
    order = sorted(range(len(matrix)), key=lambda i: (-round(float(result.score[i]), 9), table.services[i]))
    ranked = []
    for n, service in enumerate(order[:MOST_SUSPECTS]):
        witness = testify(service, seen) if n < WITH_EVIDENCE else None
        ranked.append(
            Suspect(
                service=table.services[service],
                operation=witness.operation if witness else "",
                instance=witness.instance if witness else "",
                cause=cause(service, matrix, seen, float(nats[service])),
                probability=round(float(result.probability[service]), 4),
                evidence=witness.proofs if witness else (),
            )
        )
    missing = _missing(table, with_logs, with_metrics, usual)
    return Diagnosis(
        ranked=tuple(ranked),
        unknown=not result.known,
        because="" if result.known else _because(table, seen, result, missing),
        none=round(result.none, 4),
        missing=missing,
        set_aside=table.set_aside,
        spans=len(table),
    )


def _deployed(deployed: Mapping[str, float] | None, name: str) -> float:
    age = (deployed or {}).get(name)
    return 0.0 if age is None or age < 0 else DEPLOY_NATS * math.exp(-age / DEPLOY_FADES_S)


def _missing(table: Table, with_logs: bool, with_metrics: bool, usual: BaselineStore | None) -> tuple[str, ...]:
    lacking = []
    if not table.incident.any():
        lacking.append("no spans in the incident's window")
    if table.incident.all() and not (usual and usual.sketches):
        lacking.append("no spans in the baseline's window")
    if not with_logs:
        lacking.append("no log lines on spans")
    if not with_metrics:
        lacking.append("no metrics")
    return tuple(lacking)


def _because(table: Table, seen: Evidence, result: Scores, missing: tuple[str, ...]) -> str:
    nothing = [m for m in missing if m.startswith("no spans")]
    if not len(table) or nothing:
        return f"there is nothing to compare: {nothing[0] if nothing else 'no spans'}"
    best = int(np.argmax(result.score))
    own, ways = seen.latency.own_rise[best], seen.latency.in_rise[best]
    lacking = f"; missing: {', '.join(missing)}" if missing else ""
    return (
        f"nothing differs from the baseline by more than quiet windows of a noisy system do; the most suspect is "
        f"{table.services[best]} (own time x{math.exp(own):.2f}, way to it x{math.exp(ways):.2f} for certain){lacking}"
    )
