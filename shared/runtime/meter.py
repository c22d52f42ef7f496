"""What a worker counts about itself, as Prometheus text.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4). Written here because prometheus_client
would cost each worker about 3 MB for what is a line format.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[tuple[str, str], ...]
Samples = Mapping[Labels, float]
"""Label pairs to value; no pairs for a metric without labels."""


@dataclass(frozen=True, slots=True)
class _Metric:
    kind: Literal["counter", "gauge"]
    text: str
    read: Callable[[], Samples]


class Counter:
    """A number that only grows, one for each combination of label values. Thread-safe."""

    def __init__(self, *, labelled: bool = True) -> None:
        self._values: dict[Labels, float] = {} if labelled else {(): 0.0}
        self._lock = threading.Lock()

    def add(self, by: float = 1.0, **labels: str) -> None:
        """Add `by`, which is not negative."""
        if by < 0:
            raise ValueError(f"a counter cannot go down by {-by}")
        key = tuple(labels.items())
        with self._lock:
            self._values[key] = self._values.get(key, 0.0) + by

    def read(self) -> Samples:
        with self._lock:
            return dict(self._values)


class Meter:
    """Every metric of one process. Names are ours, label values may be anything."""

    def __init__(self) -> None:
        self._metrics: dict[str, _Metric] = {}
        self.steps = self.counter("sre_steps_total", "Steps by what came of them.")
        self.step_seconds = self.counter("sre_step_seconds_total", "Seconds spent in steps.", labelled=False)
        self.facts = self.counter("sre_facts_said_total", "Facts written, by kind and outcome.")
        self.gauge("process_resident_memory_bytes", "Resident memory.", resident_bytes)
        self.counted("process_cpu_seconds_total", "Processor time used.", time.process_time)

    def counter(self, name: str, text: str, *, labelled: bool = True) -> Counter:
        """A counter with labels, or with none, which is there from the start."""
        counter = Counter(labelled=labelled)
        self._keep(name, _Metric("counter", text, counter.read))
        return counter

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A number read at the moment of the scrape."""
        self._keep(name, _Metric("gauge", text, lambda: {(): read()}))

    def gauges(self, name: str, label: str, text: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Numbers read at the moment of the scrape, one for each value of `label`."""
        self._keep(name, _Metric("gauge", text, lambda: {((label, value),): n for value, n in read().items()}))

    def counted(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A counter that is kept elsewhere and read at the moment of the scrape."""
        self._keep(name, _Metric("counter", text, lambda: {(): read()}))

    def tallies(self, name: str, label: str, text: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Counters that are kept elsewhere, one for each value of `label`."""
        self._keep(name, _Metric("counter", text, lambda: {((label, value),): n for value, n in read().items()}))

    def text(self) -> str:
        """The whole exposition, ending in a newline."""
        return "\n".join(line for name, metric in self._metrics.items() for line in _lines(name, metric)) + "\n"

    def _keep(self, name: str, metric: _Metric) -> None:
        if name in self._metrics:
            raise ValueError(f"two metrics named {name}")
        self._metrics[name] = metric


def resident_bytes() -> float:
    """Resident set size of this process; NaN where there is no /proc."""
    if sys.platform != "linux":
        return math.nan
    return float(int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE"))


def _lines(name: str, metric: _Metric) -> Iterable[str]:
    yield f"# HELP {name} {metric.text}"
    yield f"# TYPE {name} {metric.kind}"
    for labels, value in sorted(metric.read().items()):
        pairs = ",".join(f'{label}="{_escape(of)}"' for label, of in labels)
        yield f"{name}{{{pairs}}} {_value(value)}" if pairs else f"{name} {_value(value)}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _value(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    return str(int(number)) if number == int(number) else repr(float(number))
