"""What a diagnosis is made of, all of it read at once: containers, log lines, traces, metrics, commits, what is alike.

Read-only. A source that fails is missing in the case, not fatal.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from agents.brain.analysts.gauges import QUERIES
from agents.brain.case import Case, Touch
from agents.brain.clean import Clean
from agents.brain.commits import MOST, desired, touch
from agents.brain.recall import Recall
from shared.analysis.metrics import Series
from shared.analysis.trace import Trace
from shared.gitops.stack import Stack
from shared.incident.replay import Incident
from shared.ports import Commit, Engine, History, Metrics, Past, Permanent, Traces, Transient, Usual
from shared.redaction import Redactor
from shared.source import Source

T = TypeVar("T")
BASELINE = timedelta(seconds=60)
"""How much of the time before the symptom counts as normal."""
MARGIN = timedelta(seconds=5)
"""Left out before the symptom's estimated beginning: it may have begun a little sooner."""
LATE = timedelta(seconds=1)
"""How much sooner than estimated the fault may have begun, for the window during it."""
GAUGED = timedelta(minutes=5)
"""How much of the time before the symptom the metrics are read for."""
STEP = timedelta(seconds=2)
AROUND = 60
"""Traces of each other service and window that are read where the service itself is silent."""
SILENT = 5
"""Traces during the symptom below which the service is taken to serve hardly any more."""
LINES = 30
"""Of the log that are read."""
LAST_WORDS = 4000
"""Characters of them that are kept, the last ones."""
DURING = "traces during"
"""The name of that source, where it is missing."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where it is read. `source`, `recall`, `usual`, `metrics`: None where there is none. `window`: how far back."""

    engine: Engine
    traces: Traces
    history: History
    past: Past
    window: timedelta
    redactor: Redactor
    source: Source | None = None
    recall: Recall | None = None
    usual: Usual | None = None
    metrics: Metrics | None = None


class Reads:
    """Reads that run at once. `missing`: those that failed, and why."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self.missing: dict[str, str] = {}

    def start(self, name: str, read: Callable[[], tuple[T, ...]]) -> Callable[[], tuple[T, ...]]:
        """Begin; what comes back waits for it, and gives nothing where it failed."""
        future = self._pool.submit(read)

        def result() -> tuple[T, ...]:
            try:
                return future.result()
            except (Transient, Permanent) as failure:
                self.missing[name] = str(failure)[:200]
                return ()

        return result


class Evidence:
    """Reads cases, several at a time."""

    def __init__(self, sources: Sources) -> None:
        self._from = sources
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="look")

    def case(self, incident: Incident, now: datetime) -> Case:
        """Everything of one incident; `now`: GitHub's time."""
        reads, on, clean = Reads(self._pool), self._from, Clean(self._from.redactor)
        start, recall = reads.start, on.recall
        service, since = incident.detected.service, incident.detected.since
        windows = (since - BASELINE, since - MARGIN), (since - LATE, now + MARGIN)
        containers = start("containers", on.engine.managed)
        logs = start("logs", lambda: (on.engine.logs(service, LINES),))
        baseline = start("traces before", partial(self._traces, service, *windows[0]))
        during = start(DURING, partial(self._traces, service, *windows[1]))
        whole_hour = since.replace(minute=0, second=0, microsecond=0)
        commits = start("commits", lambda: on.history.commits(whole_hour - on.window))
        earlier = start("earlier incidents", lambda: on.past.recent(on.window, besides=incident.number))
        recalled = start("knowledge", lambda: recall.incidents(incident, now) if recall else ())
        runbooks = start("knowledge: runbooks", lambda: recall.runbooks(incident, now) if recall else ())
        gauges = {
            gauge: start(f"metrics: {gauge}", partial(self._range, query, since - GAUGED, now))
            for gauge, query in (QUERIES.items() if on.metrics is not None else ())
        }
        named = {c.name: c for c in containers()}
        recent = commits()
        touches = start("what commits mean", partial(self._touches, recent, {*named, service}))
        state = start("the desired state", self._state)
        before, seen = baseline(), during()
        own = named.get(service)
        if len(seen) < SILENT and DURING not in reads.missing and (own is None or own.running):
            others = sorted(named.keys() - {service})
            before, seen = self._with_callers(reads, others, windows, before, seen)
        case = Case(
            containers=clean.containers(named),
            last_words=clean.text("".join(logs()))[-LAST_WORDS:],
            baseline=clean.traces(before),
            during=clean.traces(seen),
            commits=clean.commits(recent),
            earlier=earlier(),
            missing=reads.missing,
            usual=on.usual.usual() if on.usual is not None else None,
            gauges={gauge: read() for gauge, read in gauges.items()},
            touches=clean.touches(touches()),
            recalled=recalled(),
            runbooks=runbooks(),
        )
        for head, stack in state():
            case = replace(case, head=head, desired=clean.desired(stack))
        if "knowledge" in reads.missing:
            reads.missing.pop("knowledge: runbooks", None)
        if not case.during and DURING not in reads.missing:
            reads.missing[DURING] = "none in the window"
        return case

    def _with_callers(
        self,
        reads: Reads,
        others: list[str],
        windows: tuple[tuple[datetime, datetime], ...],
        before: tuple[Trace, ...],
        seen: tuple[Trace, ...],
    ) -> tuple[tuple[Trace, ...], tuple[Trace, ...]]:
        """It hardly serves any more: what it should have served shows with its callers. Not asked of a container that
        has ended: that says all by its state, and is waited for."""
        around = [
            reads.start("traces of others", partial(self._traces, name, *window, AROUND))
            for name in others
            for window in windows
        ]
        found = [read() for read in around]
        return _together(before, *found[::2]), _together(seen, *found[1::2])

    def _traces(self, service: str, start: datetime, end: datetime, limit: int = 300) -> tuple[Trace, ...]:
        return self._from.traces.traces(service, start, end, limit=limit)

    def _range(self, query: str, start: datetime, end: datetime) -> tuple[Series, ...]:
        return self._from.metrics.ranges(query, start, end, STEP) if self._from.metrics is not None else ()

    def _touches(self, commits: tuple[Commit, ...], services: set[str]) -> tuple[Touch, ...]:
        """What the newest commits mean, where the repository can be read."""
        source = self._from.source
        if source is None:
            return ()
        found = (touch(source, commit, services) for commit in commits[:MOST])
        return tuple(t for t in found if t is not None)

    def _state(self) -> tuple[tuple[str, Stack | None], ...]:
        """The default branch's commit and what it declares."""
        source = self._from.source
        if source is None:
            return ()
        head = source.head()
        return ((head, desired(source, head)),)


def _together(*windows: tuple[Trace, ...]) -> tuple[Trace, ...]:
    """Each trace once."""
    return tuple({trace.trace_id: trace for window in windows for trace in window}.values())
