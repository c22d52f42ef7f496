"""Spans of both windows as columns: one row a span, names as numbers, so that everything after is array arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class LogLine(NamedTuple):
    """A log record that hangs on the span in row `row`."""

    row: int
    time_us: int
    level: str
    message: str


@dataclass(slots=True)
class SetAside:
    """What was wrong with the spans and has been repaired or left out, counted."""

    corrupt: int = 0
    duplicates: int = 0
    orphans: int = 0
    cycles: int = 0
    skewed: int = 0


@dataclass(slots=True)
class Table:
    """Columns of equal length, one entry a span. Times in µs; `parent` is a row or -1."""

    services: list[str]
    operations: list[tuple[int, str]]
    """Index of the service, name of the operation; `op` points here."""
    instances: list[str]
    trace_ids: list[str]
    span_ids: list[str]
    trace: Ints
    parent: Ints
    op: Ints
    instance: Ints
    start: Ints
    duration: Ints
    error: Bools
    asynchronous: Bools
    """The span does not make its parent wait: a consumer, or linked by FOLLOWS_FROM."""
    incident: Bools
    logs: list[LogLine]
    set_aside: SetAside
    service: Ints = field(init=False)

    def __post_init__(self) -> None:
        of_op = np.fromiter((s for s, _ in self.operations), np.int64, len(self.operations))
        self.service = of_op[self.op]

    def __len__(self) -> int:
        return len(self.op)

    def operation(self, op: int) -> tuple[str, str]:
        """Service and operation by their names."""
        service, name = self.operations[op]
        return self.services[service], name
