"""Two windows of the invented shop, and a diagnosis of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.rca_generate import Fault, World, gauges, window
from shared.analysis.rca.metrics import Rows
from shared.analysis.rca.rank import Diagnosis, diagnose
from shared.analysis.rca.table import Builder, Table

Ask = Callable[..., Diagnosis]


def table_of(world: World, fault: Fault | None = None) -> Table:
    """Both windows as a table."""
    builder = Builder()
    builder.add_jaeger(window(world, incident=False)["data"], incident=False)
    builder.add_jaeger(window(world, incident=True, fault=fault)["data"], incident=True)
    return builder.table()


@pytest.fixture
def ask() -> Ask:
    def asked(world: World, fault: Fault | None = None, *, metrics: bool = False) -> Diagnosis:
        rows = None
        if metrics:
            given = gauges(world, window(world, incident=True, fault=fault), fault)
            rows = Rows(given["columns"], given["rows"])
        return diagnose(table_of(world, fault), rows)

    return asked
