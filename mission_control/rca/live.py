"""Traces for a diagnosis from a live Jaeger: a window with its baseline before it, or what surrounds one trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from shared.ports import Permanent

if TYPE_CHECKING:
    from shared.analysis.rca.table import Table
    from shared.analysis.trace import Trace
    from shared.ports import Traces

MOST_TRACES: Final = 2_000
"""Per service and window."""
MARGIN: Final = timedelta(seconds=5)
"""Left out between the two windows: what is wrong may have begun a little sooner."""
AROUND: Final = timedelta(seconds=30)
"""How long after a trace's beginning others still belong to what it shows."""
BEFORE: Final = timedelta(minutes=10)
"""The least length of a baseline."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` to `end`; `services` limits whose traces are asked for (all, when empty)."""

    start: datetime
    end: datetime
    services: tuple[str, ...] = ()


def since(span: timedelta, now: datetime, service: str | None) -> Window:
    """The last `span` before `now`."""
    return Window(now - span, now, (service,) if service else ())


def around(traces: Traces, trace_id: str) -> Window:
    """What surrounds one trace, in its own services. Raises Permanent when it is unknown, Transient."""
    found = traces.trace(trace_id)
    if found is None or not found.spans:
        raise Permanent(f"trace {trace_id} is not there: it never arrived, or was dropped as too old")
    start = datetime.fromtimestamp(min(s.start_us for s in found.spans) / 1e6, UTC)
    names = tuple(sorted({s.service for s in found.spans}))
    return Window(start - timedelta(milliseconds=1), start + AROUND, names)


def read(traces: Traces, window: Window, tell: Callable[[int, int], None] = lambda _done, _of: None) -> Table:
    """Both windows: the one given, and as much before it (at least ten minutes). Raises Transient or Permanent.

    `tell` is called with how many questions to Jaeger are answered, of how many.
    """
    from shared.analysis.rca.table import Builder

    names = window.services or traces.services()
    if not names:
        raise Permanent("no service has sent a trace")
    end = window.start - MARGIN
    builder = Builder()
    before = end - max(window.end - window.start, BEFORE)
    for n, (start, until, incident) in enumerate(((before, end, False), (window.start, window.end, True))):
        found: dict[str, Trace] = {}
        for done, name in enumerate(names, n * len(names)):
            tell(done, 2 * len(names))
            found |= {trace.trace_id: trace for trace in traces.traces(name, start, until, limit=MOST_TRACES)}
        builder.add_traces(list(found.values()), incident=incident)
    tell(2 * len(names), 2 * len(names))
    return builder.table()
