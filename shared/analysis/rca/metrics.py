"""Metric rows per pod: what rose when the incident began, against the minutes before."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from shared.analysis.rca.groups import quantile
from shared.analysis.rca.table import Bools, Floats, Ints, Table

KINDS: Final = {
    "cpu": re.compile(r"cpu", re.I),
    "memory": re.compile(r"memory|mem_|heap|rss", re.I),
    "wait": re.compile(r"latency|duration|response", re.I),
}
SHARED: Final = re.compile(r"node|host|cluster", re.I)
"""Columns that belong to the machine and not to the pod."""
SUFFIX: Final = re.compile(r"(-[0-9a-z]{5,10})?-[0-9a-z]{4,6}$|-\d+$")
"""What Kubernetes puts behind a deployment's or a stateful set's name."""
FEWEST: Final = 2
"""Rows before the incident that make a level."""
FLOOR: Final = 0.1
"""Of the fleet's typical level: below that a pod's change says little."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Metric rows: `columns` names them, two of them are `timestamp` (seconds) and `pod`."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Rise:
    """A column of one pod: its usual level and its highest in the incident."""

    pod: str
    column: str
    usual: float
    highest: float
    before: tuple[float, ...]
    during: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Metrics:
    """Per service and kind: log-ratio of the highest to the usual level (at least 0), and the share of all rises."""

    rise: Mapping[str, Floats]
    share: Mapping[str, Floats]
    best: Mapping[tuple[int, str], Rise]
    """By (service, kind)."""


def metrics(table: Table, given: Rows | None) -> Metrics:
    """Compare the rows since the incident's first span with those before. Without rows everything is 0."""
    services = len(table.services)
    rise = {kind: np.zeros(services) for kind in KINDS}
    share = {kind: np.zeros(services) for kind in KINDS}
    best: dict[tuple[int, str], Rise] = {}
    starts = table.start[table.incident]
    if given is None or not len(starts) or not {"timestamp", "pod"} <= set(given.columns):
        return Metrics(rise, share, best)
    when, pod_at = given.columns.index("timestamp"), given.columns.index("pod")
    rows = [r for r in given.rows if len(r) == len(given.columns) and isinstance(r[when], int | float)]
    if not rows:
        return Metrics(rise, share, best)
    service_of = _services(table, {str(r[pod_at]) for r in rows})
    since = float(starts.min()) / 1e6
    pods = sorted(p for p in service_of)
    number = {p: n for n, p in enumerate(pods)}
    kept = [r for r in rows if str(r[pod_at]) in number]
    pod = np.array([number[str(r[pod_at])] for r in kept], np.int64)
    during = np.array([r[when] >= since for r in kept], bool)
    columns = list(zip(*kept, strict=True))
    highest: dict[tuple[int, str], tuple[int, int]] = {}
    levels: dict[int, tuple[Floats, Floats]] = {}
    for kind, pattern in KINDS.items():
        for at, column in enumerate(given.columns):
            if not kept or not pattern.search(column) or SHARED.search(column):
                continue
            found = _column(_numbers(columns[at]), pod, during, len(pods))
            if found is None:
                continue
            up, part = found[:2]
            levels[at] = found[2:]
            for i in np.flatnonzero((up > 0) | (part > 0)).tolist():
                service = service_of[pods[i]]
                share[kind][service] = max(share[kind][service], part[i])
                if up[i] > rise[kind][service]:
                    rise[kind][service] = up[i]
                    highest[service, kind] = (at, i)
    for owner, (at, i) in highest.items():
        values, mine = _numbers(columns[at]), pod == i
        usual, most = levels[at]
        best[owner] = Rise(
            pod=pods[i],
            column=given.columns[at],
            usual=float(usual[i]),
            highest=float(most[i]),
            before=tuple(values[mine & ~during & np.isfinite(values)].tolist()),
            during=tuple(values[mine & during & np.isfinite(values)].tolist()),
        )
    return Metrics(rise, share, best)


def _numbers(column: Sequence[Any]) -> Floats:
    """What is no number is not known."""
    if not set(map(type, column)) <= {int, float}:
        column = [v if isinstance(v, int | float) else np.nan for v in column]
    return np.array(column, float)


def _column(values: Floats, pod: Ints, during: Bools, pods: int) -> tuple[Floats, Floats, Floats, Floats] | None:
    """Per pod: log-ratio of the highest to the usual level, share of all rises, usual and highest level. None without
    a pod that is known before and during."""
    known = np.isfinite(values)
    pod, during, values = pod[known], during[known], values[known]
    n = np.bincount(pod[~during], minlength=pods).astype(float)
    order = np.lexsort((values[~during], pod[~during]))
    ordered = values[~during][order]
    low, usual, high = (quantile(ordered, n, q) for q in (0.16, 0.75, 0.84))
    highest = np.full(pods, -np.inf)
    np.maximum.at(highest, pod[during], values[during])
    usable = (n >= FEWEST) & np.isfinite(highest)
    if not usable.any():
        return None
    highest = np.where(usable, highest, 0.0)
    floor = FLOOR * float(np.median(usual[usable])) + 1e-9
    gain = np.where(usable, np.maximum(highest - usual, 0.0), 0.0)
    total = float(gain.sum() + FLOOR * np.abs(usual[usable]).sum()) + 1e-12
    certain = np.maximum(highest - (high - low) / 2, 0.0)
    up = np.where(usable, np.log((certain + floor) / (np.maximum(usual, 0.0) + floor)), 0.0)
    return up, gain / total, usual, highest


def _services(table: Table, pods: set[str]) -> dict[str, int]:
    """Pods to services: as the traces say, else by the pod's name."""
    pairs = np.unique(table.instance * len(table.services) + table.service)
    known = {
        table.instances[p // len(table.services)]: int(p % len(table.services))
        for p in pairs.tolist()
        if table.instances[p // len(table.services)]
    }
    names = {name: n for n, name in enumerate(table.services)}
    found = {}
    for pod in pods:
        service = known[pod] if pod in known else names.get(SUFFIX.sub("", pod))
        if service is not None:
            found[pod] = service
    return found
