"""A stored span: one compact tuple, sharing everything that spans have in common."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

Value = str | bool | int | float | bytes | list["Value"] | dict[str, "Value"] | None
"""An OTLP AnyValue as Python has it; None is an AnyValue with nothing set."""

Attributes = tuple[Value, ...]
"""Key, value, key, value, …: flat, because a tuple for each pair would double the memory. Read it with `pairs`."""

ERROR = 2
"""OTLP `Status.StatusCode.STATUS_CODE_ERROR`."""

KINDS = ("", "internal", "server", "client", "producer", "consumer")
"""OTLP `Span.SpanKind` by number, in Jaeger's spelling; unspecified is empty."""

LONG_TEXT = 512
"""A text (a stack trace, say) counts as one more span for each of these many characters."""

STAMP = struct.Struct(">8s8sQQ")
"""Span id, parent id (zeros for a root), start and end in ns since the epoch: what every span has of its own."""

NO_PARENT = bytes(8)


def pairs(attributes: Attributes) -> Iterator[tuple[str, Value]]:
    """The attributes as (key, value)."""
    for at in range(0, len(attributes), 2):
        yield str(attributes[at]), attributes[at + 1]


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """What emitted a span. One object for all spans of a process."""

    service: str
    attributes: Attributes


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """The instrumentation library that made a span."""

    name: str
    version: str
    attributes: Attributes = ()


class Event(NamedTuple):
    """Something that happened within a span, for instance an exception. Time in ns since the epoch."""

    time_ns: int
    name: str
    attributes: Attributes


class Link(NamedTuple):
    """A reference to a span elsewhere."""

    trace_id: bytes
    span_id: bytes
    attributes: Attributes


class Rare(NamedTuple):
    """What few spans have."""

    status_message: str = ""
    trace_state: str = ""
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()


NOTHING = Rare()


class Span(NamedTuple):
    """One span. `stamp` is packed as STAMP says; kind and status are OTLP's numbers."""

    trace: Trace
    stamp: bytes
    name: str
    kind: int
    status: int
    attributes: Attributes
    rare: Rare
    resource: Resource
    scope: Scope

    @property
    def span_id(self) -> bytes:
        return self.stamp[:8]

    @property
    def parent_id(self) -> bytes:
        """Empty for a root."""
        parent = self.stamp[8:16]
        return b"" if parent == NO_PARENT else parent

    @property
    def start_ns(self) -> int:
        return int.from_bytes(self.stamp[16:24], "big")

    @property
    def end_ns(self) -> int:
        return int.from_bytes(self.stamp[24:32], "big")

    @property
    def duration_ns(self) -> int:
        return max(0, self.end_ns - self.start_ns)

    @property
    def service(self) -> str:
        return self.resource.service

    @property
    def failed(self) -> bool:
        return self.status == ERROR


@dataclass(slots=True, eq=False)
class Trace:
    """The spans of one trace (or of the part of it that just arrived), in order of arrival.

    Emptied when it is evicted, which is how the indexes know.
    """

    trace_id: bytes
    spans: list[Span] = field(default_factory=list)
    weight: int = 0
    """What it counts against the store's limit: its spans, and one more for each `LONG_TEXT` characters of a text."""

    def add(self, span: Span) -> None:
        """Append a span whose `trace` this is."""
        self.spans.append(span)
        self.weight += 1 + _long_text(span.attributes)
        for event in span.rare.events:
            self.weight += _long_text(event.attributes)


def _long_text(attributes: Attributes) -> int:
    extra = 0
    for value in attributes:
        if isinstance(value, str | bytes | list | dict):
            extra += (len(value) if isinstance(value, str | bytes) else len(value) * 64) // LONG_TEXT
    return extra
