"""Traces in memory, bounded, found by service and time."""

from __future__ import annotations

import heapq
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from embedded.traces.model import Span, Trace


@dataclass(frozen=True, slots=True)
class Query:
    """A search. Times in ns since the epoch, both bounds inclusive; `service` empty means any.

    A trace is found when ONE of its spans fits everything (Jaeger's rule).
    """

    service: str
    start_ns: int
    end_ns: int
    limit: int = 100
    operation: str = ""
    min_duration_ns: int = 0
    max_duration_ns: int | None = None
    matches: tuple[Callable[[Span], bool], ...] = ()

    def fits(self, span: Span) -> bool:
        return (
            (not self.operation or span.name == self.operation)
            and span.duration_ns >= self.min_duration_ns
            and (self.max_duration_ns is None or span.duration_ns <= self.max_duration_ns)
            and all(match(span) for match in self.matches)
        )


@dataclass(slots=True)
class ServiceIndex:
    """The spans of one service, sorted by start. Evicted ones stay until they are a fifth of it."""

    starts: array[int] = field(default_factory=lambda: array("Q"))
    spans: list[Span] = field(default_factory=list)
    operations: Counter[tuple[str, int]] = field(default_factory=Counter)
    gone: int = 0

    def add(self, span: Span) -> None:
        start_ns = span.start_ns
        at = bisect_right(self.starts, start_ns) if self.starts and start_ns < self.starts[-1] else len(self.starts)
        self.starts.insert(at, start_ns)
        self.spans.insert(at, span)
        self.operations[span.name, span.kind] += 1

    def forget(self, span: Span) -> None:
        """`span` was evicted (its trace is empty by now)."""
        key = (span.name, span.kind)
        self.operations[key] -= 1
        if not self.operations[key]:
            del self.operations[key]
        self.gone += 1
        if self.gone > 256 and self.gone * 5 > len(self.spans):
            self.spans = [kept for kept in self.spans if kept.trace.spans]
            self.starts = array("Q", (kept.start_ns for kept in self.spans))
            self.gone = 0

    def backwards(self, start_ns: int, end_ns: int) -> Iterator[Span]:
        """Living spans that started in the window, newest first."""
        low = bisect_left(self.starts, start_ns)
        for at in range(bisect_right(self.starts, end_ns) - 1, low - 1, -1):
            if self.spans[at].trace.spans:
                yield self.spans[at]


class Store:
    """Thread-safe. Holds at most `max_spans`; when more arrive, whole traces go, the first to arrive first."""

    def __init__(self, max_spans: int) -> None:
        self.max_spans = max_spans
        self.received = 0
        self.evicted = 0
        self._held = 0
        self._weight = 0
        self._traces: dict[bytes, Trace] = {}
        self._services: dict[str, ServiceIndex] = {}
        self._lock = threading.Lock()

    def add(self, fragments: Iterable[Trace]) -> None:
        """Take in what arrived: traces, or the parts of traces that one process saw."""
        for fragment in fragments:  # one at a time: a huge request must not hold the lock for long
            with self._lock:
                self._add(fragment)
                while self._weight > self.max_spans and self._traces:
                    self._evict(next(iter(self._traces)))

    def _add(self, fragment: Trace) -> None:
        trace = self._traces.setdefault(fragment.trace_id, fragment)
        spans = fragment.spans
        if trace is not fragment:
            spans = [Span._make((trace, *span[1:])) for span in spans]
            trace.spans.extend(spans)
            trace.weight += fragment.weight
        self._weight += fragment.weight
        self._held += len(spans)
        self.received += len(spans)
        for span in spans:
            index = self._services.get(span.resource.service)
            if index is None:
                index = self._services[span.resource.service] = ServiceIndex()
            index.add(span)

    def _evict(self, trace_id: bytes) -> None:
        trace = self._traces.pop(trace_id)
        spans, trace.spans = trace.spans, []
        self._weight -= trace.weight
        self._held -= len(spans)
        self.evicted += len(spans)
        for span in spans:
            index = self._services[span.service]
            index.forget(span)
            if not index.operations:
                del self._services[span.service]

    def services(self) -> list[str]:
        with self._lock:
            return sorted(self._services)

    def operations(self, service: str) -> list[tuple[str, int]]:
        """Span names of a service with their kinds (OTLP numbers), sorted; empty for an unknown service."""
        with self._lock:
            index = self._services.get(service)
            return sorted(index.operations) if index else []

    def trace(self, trace_id: bytes) -> list[Span] | None:
        """The spans that have arrived so far, or None."""
        with self._lock:
            trace = self._traces.get(trace_id)
            return list(trace.spans) if trace else None

    def search(self, query: Query) -> list[list[Span]]:
        """The traces that fit, the one with the newest fitting span first."""
        with self._lock:
            indexes = (
                [self._services[query.service]] if query.service in self._services
                else [] if query.service
                else list(self._services.values())
            )  # fmt: skip
            newest_first = heapq.merge(
                *(index.backwards(query.start_ns, query.end_ns) for index in indexes),
                key=lambda span: -span.start_ns,
            )
            found: dict[bytes, list[Span]] = {}
            for span in newest_first:
                if len(found) >= query.limit:
                    break
                if span.trace.trace_id not in found and query.fits(span):
                    found[span.trace.trace_id] = list(span.trace.spans)
            return list(found.values())

    def calls(self, start_ns: int, end_ns: int) -> list[tuple[str, str, int]]:
        """(caller, callee, count) between services, over traces with a span that started in the window."""
        with self._lock:
            traces = [list(trace.spans) for trace in self._traces.values()]
        counts: Counter[tuple[str, str]] = Counter()
        for spans in traces:
            if not any(start_ns <= span.start_ns <= end_ns for span in spans):
                continue
            owner = {span.span_id: span.service for span in spans}
            for span in spans:
                parent = owner.get(span.parent_id)
                if parent is not None and parent != span.service:
                    counts[parent, span.service] += 1
        return [(parent, child, count) for (parent, child), count in sorted(counts.items())]

    def size(self) -> dict[str, int]:
        """How much is held and how much has passed, in spans and traces."""
        with self._lock:
            return {
                "spans": self._held,
                "traces": len(self._traces),
                "received": self.received,
                "evicted": self.evicted,
                "max_spans": self.max_spans,
            }
