"""Recorded incidents with their truth, and windows without a fault made from them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shared.analysis.rca.metrics import Rows

Traces = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """Two windows and, except where nothing is wrong (`service` empty), the truth."""

    name: str
    system: str
    baseline: Traces
    incident: Traces
    rows: Rows | None
    service: str
    fault: str

    @property
    def day(self) -> str:
        """What cases of one day have in common: system and date, from the case's name (system-date-time)."""
        return self.name.rsplit("-", 1)[0]

    @property
    def spans(self) -> int:
        return sum(len(t["spans"]) for t in (*self.baseline, *self.incident))


def folders(folder: Path) -> list[Path]:
    """Those under `folder` that hold a case, in the order of their names."""
    return sorted(p for p in folder.iterdir() if (p / "truth.json").is_file())


def cases(folder: Path) -> Iterator[Case]:
    """All cases under `folder`, one subfolder each, in the order of their names."""
    for path in folders(folder):
        truth = json.loads((path / "truth.json").read_text())
        meta = json.loads((path / "meta.json").read_text()) if (path / "meta.json").is_file() else {}
        metrics = _read(path / "metrics.json.gz") if (path / "metrics.json.gz").is_file() else None
        yield Case(
            name=path.name,
            system=str(meta.get("system", path.name.split("-")[0])),
            baseline=_read(path / "baseline.json.gz")["data"],
            incident=_read(path / "incident.json.gz")["data"],
            rows=Rows(metrics["columns"], metrics["rows"]) if metrics else None,
            service=str(truth["service"]),
            fault=str(truth["fault"]),
        )


def quiet(case: Case) -> tuple[Case, ...]:
    """Pairs with nothing wrong: the baseline cut in two by time, both ways round, and dealt out alternately.

    Metrics are those from before the incident, their last minutes taken for the second window's.
    """
    ordered = sorted((t for t in case.baseline if t["spans"]), key=_begin)
    half = len(ordered) // 2
    if not half or not case.incident:
        return ()
    pairs = ((ordered[:half], ordered[half:]), (ordered[half:], ordered[:half]), (ordered[::2], ordered[1::2]))
    incident = min(_begin(t) for t in case.incident if t["spans"]) / 1e6
    return tuple(
        replace(
            case,
            name=f"{case.name}/quiet{n}",
            baseline=before,
            incident=after,
            rows=_before(case.rows, incident, min(map(_begin, after)) / 1e6),
            service="",
            fault="none",
        )
        for n, (before, after) in enumerate(pairs)
    )


def _before(rows: Rows | None, incident: float, into: float) -> Rows | None:
    """Rows of the quiet time before `incident` (150 s kept clear), moved so that their last minute is after `into`."""
    if rows is None:
        return None
    at = list(rows.columns).index("timestamp")
    kept: list[Sequence[Any]] = [r for r in rows.rows if r[at] < incident - 150]
    if len({r[at] // 60 for r in kept}) < 5:
        return None
    shift = into + 62 - max(r[at] for r in kept)
    return Rows(rows.columns, [[*r[:at], r[at] + shift, *r[at + 1 :]] for r in kept])


def _begin(trace: dict[str, Any]) -> int:
    return min(int(s["startTime"]) for s in trace["spans"])


def _read(path: Path) -> Any:
    with gzip.open(path) as file:
        return json.load(file)
