"""Which traffic teaches what is usual: whole traces, once, of services that nothing was wrong with, in small batches.

A trace is learned when Traffic lets go of it, half a minute after its last span. So the beginning of a fault has had
that long to be noticed, and what happened in it is not taken for usual.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from agents.scout.levels import Levels
from agents.scout.observations import Finding
from shared.analysis.rca.baseline_store import LONGEST_NAME, BaselineStore
from shared.analysis.rca.table import Builder
from shared.analysis.rca.tree import grow
from shared.analysis.trace import Span, Trace
from shared.incident.facts import Detected
from shared.incident.replay import Incident
from shared.incident.status import Status

BATCH_EVERY: Final = timedelta(seconds=5)
BATCH: Final = 500
"""Spans that are a batch before their time."""
MOST_WAITING: Final = 1_000
"""Spans of one step of the patrol; more are left out, so that no load holds up a step."""
LARGEST: Final = 10_000
"""Spans of the largest trace that is learned."""
AFTER: Final = timedelta(seconds=5)
"""How long after its last bad sign a service's spans teach nothing."""
BEFORE: Final = timedelta(seconds=60)
"""How long before an incident's estimated beginning recalled traces teach nothing."""
OLDEST: Final = timedelta(hours=2)
"""Spans that claim to be older, or newer than now, say something about their sender's clock and nothing else."""
PIECES: Final = 2
"""Recalled readings that may wait; the reader waits for room."""


class Learner:
    """Fed by the patrol's thread; `offer` and `recalled` may be called from another one.

    `recalling`: older traces will be offered, until `recalled` is called.
    """

    def __init__(self, levels: Levels, *, recalling: bool = False) -> None:
        self.informed: Callable[[], bool] = lambda: True
        """Whether the incidents there are have been read: before, nothing is learned."""
        self.learned = 0
        """Spans, since the start."""
        self.left_out = 0
        """Spans that taught nothing: trouble, no room, no parent, odd clocks."""
        self._levels = levels
        self._waiting: list[Trace] = []
        self._size = 0
        self._due: datetime | None = None
        self._ill: dict[str, datetime] = {}
        """Service to when it last showed a bad sign, by Scout's clock."""
        self._pieces: queue.Queue[tuple[Trace, ...]] = queue.Queue(PIECES)
        self._known: set[str] | None = set() if recalling else None
        """Traces that were learned while older ones are being recalled."""

    def take(self, spans: Collection[Span]) -> None:
        """A whole trace of the live stream, each of its spans once."""
        if len(spans) > LARGEST or (self._waiting and self._size + len(spans) > MOST_WAITING):
            self.left_out += len(spans)
            return
        self._size += len(spans)
        self._waiting.append(Trace(next(iter(spans)).trace_id, tuple(spans)))

    def offer(self, traces: tuple[Trace, ...]) -> bool:
        """Older traces, from the trace store. False: not now."""
        try:
            self._pieces.put_nowait(traces)
        except queue.Full:
            return False
        return True

    def recalled(self) -> None:
        """No more is offered."""
        self._known = None

    @property
    def recalling(self) -> bool:
        """Whether older traces are still to come: an earlier process may have told more than is known now."""
        return self._known is not None or not self._pieces.empty()

    def step(
        self, at: datetime, ill: Collection[str], incidents: Collection[Incident], findings: Collection[Finding]
    ) -> None:
        """Note who is ill at `at` (Scout's clock) and learn what waits, when it is time or a batch is full.

        `ill`: services with an incident, a finding or a failed probe, and their callers.
        """
        for service in ill:
            self._ill[service] = at
        if self._due is None or at >= self._due or self._size >= BATCH:
            self._due = at + BATCH_EVERY
            waiting, self._waiting, self._size = self._waiting, [], 0
            if self.informed():
                self._learn(waiting, at, self._ill)
            self._ill = {s: last for s, last in self._ill.items() if at - last < OLDEST}
        elif self.informed():
            self._recall(at, incidents, findings)

    def _recall(self, at: datetime, incidents: Collection[Incident], findings: Collection[Finding]) -> None:
        try:
            piece = self._pieces.get_nowait()
        except queue.Empty:
            return
        troubles = [_window(i) for i in incidents if i.is_incident]
        troubles += [(_us(f.since - BEFORE), _us(at)) for f in findings]
        quiet, size = [], 0
        for trace in piece:
            size += len(trace.spans)
            if size <= LARGEST and not any(_overlaps(trace, window) for window in troubles):
                quiet.append(trace)
            else:
                self.left_out += len(trace.spans)
        self._learn(quiet, at, {})

    def _learn(self, traces: Iterable[Trace], at: datetime, ill: dict[str, datetime]) -> None:
        known = self._known
        if known is not None:
            traces = [trace for trace in traces if trace.trace_id not in known]
            known.update(trace.trace_id for trace in traces)
        well_from = {service: _us(last + AFTER) for service, last in ill.items()}
        earliest, latest = _us(at - OLDEST), _us(at)
        builder, odd = Builder(read_logs=False), list[bool]()
        for trace in traces:
            spans = {span.span_id: span for span in trace.spans}
            builder.add_traces((Trace(trace.trace_id, tuple(spans.values())),), incident=False)
            odd += [
                not max(earliest, well_from.get(span.service, 0)) <= span.start_us <= latest
                or (span.parent_id is not None and span.parent_id not in spans)
                or max(len(span.operation), len(span.service)) > LONGEST_NAME
                for span in spans.values()
            ]
        if not odd:
            return
        table = builder.table()
        tree = grow(table)
        table.incident = np.array(odd, bool)
        batch = BaselineStore()
        batch.learn(table, tree)
        self._levels.fold(batch, at)
        self.left_out += sum(odd)
        self.learned += len(odd) - sum(odd)


def _window(incident: Incident) -> tuple[int, int | None]:
    """From before its first sign until it was closed, in µs; None: it goes on."""
    over = incident.closed or incident.status is Status.CLOSED
    since = min(detected.since for detected in incident.all(Detected))
    return _us(since - BEFORE), _us(incident.entries[-1].at + AFTER) if over else None


def _overlaps(trace: Trace, window: tuple[int, int | None]) -> bool:
    since, until = window
    return any(s.end_us >= since and (until is None or s.start_us <= until) for s in trace.spans)


def _us(at: datetime) -> int:
    return int(at.timestamp() * 1e6)
