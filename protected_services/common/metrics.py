"""Counters, gauges and histograms in the Prometheus text format 0.0.4.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (prometheus_client is not a dependency).
"""

import bisect
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds. The upper bounds OpenTelemetry advises for http.server.request.duration, without the finest and coarsest."""


class Counter:
    """A number that only grows, one per combination of label values."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self.name, self._text, self._labels = name, text, tuple(labels)
        self._values: dict[tuple[str, ...], float] = {} if labels else {(): 0.0}
        self._lock = threading.Lock()

    def add(self, *values: str, by: float = 1.0) -> None:
        """Add `by` (not negative) to the series whose label values are `values`, in the order declared."""
        if by < 0 or len(values) != len(self._labels):
            raise ValueError(f"{self.name}: {by} for labels {values}")
        with self._lock:
            self._values[values] = self._values.get(values, 0.0) + by

    def lines(self) -> list[str]:
        with self._lock:
            series = list(self._values.items())
        return _head(self.name, "counter", self._text) + [
            f"{self.name}{_labels(self._labels, key)} {_value(number)}" for key, number in series
        ]


class Gauge:
    """A number read at the moment of the scrape. `kind` is counter for one that only grows."""

    def __init__(self, name: str, text: str, read: Callable[[], float], kind: str = "gauge") -> None:
        self.name, self._text, self._read, self._kind = name, text, read, kind

    def lines(self) -> list[str]:
        return [*_head(self.name, self._kind, self._text), f"{self.name} {_value(self._read())}"]


class Histogram:
    """Cumulative buckets, sum and count of observations in seconds."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self.name, self._text, self._labels = name, text, tuple(labels)
        self._series: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}
        self._lock = threading.Lock()

    def observe(self, seconds: float, *values: str) -> None:
        """Count one observation for the label values, in the order declared."""
        if len(values) != len(self._labels):
            raise ValueError(f"{self.name}: labels {values}")
        with self._lock:
            counts, total = self._series.setdefault(values, ([0] * (len(DURATION_BUCKETS) + 1), [0.0]))
            counts[bisect.bisect_left(DURATION_BUCKETS, seconds)] += 1
            total[0] += seconds

    def lines(self) -> list[str]:
        with self._lock:
            series = [(key, list(counts), total[0]) for key, (counts, total) in self._series.items()]
        lines = _head(self.name, "histogram", self._text)
        for key, counts, total in series:
            cumulative = 0
            for bound, count in zip((*map(_value, DURATION_BUCKETS), "+Inf"), counts, strict=True):
                cumulative += count
                lines.append(f"{self.name}_bucket{_labels((*self._labels, 'le'), (*key, bound))} {cumulative}")
            lines.append(f"{self.name}_sum{_labels(self._labels, key)} {_value(total)}")
            lines.append(f"{self.name}_count{_labels(self._labels, key)} {cumulative}")
        return lines


Metric = TypeVar("Metric", Counter, Gauge, Histogram)


class Metrics:
    """Every metric of one process; the HTTP and process ones are always there."""

    def __init__(self, started_at: float) -> None:
        self._all: dict[str, Counter | Gauge | Histogram] = {}
        self.requests = self.counter("http_requests_total", "Requests answered.", "method", "route", "status")
        self.errors = self.counter("http_errors_total", "Requests answered with 5xx.", "method", "route")
        self.durations = self._keep(
            Histogram("http_server_request_duration_seconds", "Time to answer a request.", ("method", "route"))
        )
        self.gauge("process_resident_memory_bytes", "Resident memory.", resident_bytes)
        self._keep(Gauge("process_cpu_seconds_total", "Processor time used.", time.process_time, "counter"))
        self.gauge("process_start_time_seconds", "Start of the process, epoch seconds.", lambda: started_at)

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        return self._keep(Counter(name, text, labels))

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> Gauge:
        return self._keep(Gauge(name, text, read))

    def text(self) -> str:
        """The whole exposition, ending in a newline."""
        return "\n".join(line for metric in self._all.values() for line in metric.lines()) + "\n"

    def _keep(self, metric: Metric) -> Metric:
        if metric.name in self._all:
            raise ValueError(f"two metrics named {metric.name}")
        self._all[metric.name] = metric
        return metric


def resident_bytes() -> float:
    """Resident set size of this process, from /proc/self/statm."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _head(name: str, kind: str, text: str) -> list[str]:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    return [f"# HELP {name} {escaped}", f"# TYPE {name} {kind}"]


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    pairs = (f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}" if names else ""


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _value(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)
