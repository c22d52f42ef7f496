"""Time series as the rows that the ranking of suspects reads. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.analysis.metrics import SERVICE, Series
from shared.analysis.rca.metrics import Rows


def to_rows(measured: Mapping[str, Sequence[Series]]) -> Rows:
    """One row for each instant and service, one column for each key of `measured`; what was not measured is None.

    Of several series of one service and key (instances) the highest value counts. A series without the label `service`
    is left out.
    """
    columns = sorted(measured)
    cells: dict[tuple[float, str], dict[str, float]] = {}
    for column in columns:
        for series in measured[column]:
            service = series.labels.get(SERVICE)
            for at, value in series.points if service else ():
                cell = cells.setdefault((at, service or ""), {})
                cell[column] = max(value, cell.get(column, value))
    rows = [(at, service, *(cells[at, service].get(c) for c in columns)) for at, service in sorted(cells)]
    return Rows(("timestamp", "pod", *columns), rows)
