"""The trace model: spans as frozen values, whatever wire format they came in. Times in microseconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """A log record or exception on a span."""

    time_us: int
    name: str
    attributes: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """One operation of one service. `instance` is the container or pod, empty where the source does not say."""

    trace_id: str
    span_id: str
    parent_id: str | None
    service: str
    operation: str
    kind: str
    start_us: int
    duration_us: int
    error: bool
    status_message: str = ""
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    events: tuple[SpanEvent, ...] = ()
    instance: str = ""

    @property
    def end_us(self) -> int:
        return self.start_us + self.duration_us


@dataclass(frozen=True, slots=True)
class Trace:
    """All known spans of one request, in no particular order."""

    trace_id: str
    spans: tuple[Span, ...]
