"""The patrol's reading: probes, containers, events, traces and business events, each source on its own.

No source waits for another: what has not answered within a step's patience is taken in at a later step, and a source
that fails is named in `blind` while the others go on.
"""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from agents.scout.alerts import Alert
from agents.scout.observations import HEALTH_URL, Observations, ProbeResult, is_patient
from agents.scout.survey import Survey
from shared.analysis.trace import Span, Trace
from shared.ports import Clock, Container, ContainerEvent, Engine, Permanent, Probe, Traces, Transient
from shared.stream import Event

MOST_SPANS_KNOWN: Final = 20_000
MOST_EVENTS: Final = 10_000
MOST_TRACES: Final = 500
"""Per question to the trace store."""
WHOLE_EVERY: Final = 5
"""Each so many deep readings, every service is asked for its traces, also those that others' traces showed."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """How the patrol reads. Durations in seconds.

    `patience`: how long a step waits for answers. `containers_every`: how often the engine is asked for its
    containers; after an event it is asked at once. `fresh` and `deep`: how far back traces are asked for, the short
    way each time, the long way every `deep_every` (spans are found by their start, and a timed-out call started long
    ago). `silent_after`: a source that has not answered for so long is blind. `short_lived`: an event stream that ends
    sooner than this counts as failing.
    """

    probe_timeout: float = 1.0
    patience: float = 0.06
    containers_every: float = 0.9
    traces_every: float = 0.45
    fresh: float = 1.5
    deep: float = 6.0
    deep_every: float = 2.0
    silent_after: float = 5.0
    retry_events: float = 1.0
    short_lived: float = 5.0


class _Reading(Generic[T]):
    """One source, read in the background, one request at a time."""

    def __init__(self, pool: ThreadPoolExecutor, clock: Clock, silent_after: float) -> None:
        self._pool, self._clock, self._silent_after = pool, clock, silent_after
        self._future: Future[T] | None = None
        self._asked = 0.0

    def ask(self, read: Callable[..., T], *args: Any) -> None:
        """Begin reading, unless the last reading is still under way."""
        if self._future is None:
            self._asked = self._clock.monotonic()
            self._future = self._pool.submit(read, *args)

    @property
    def under_way(self) -> Future[T] | None:
        return self._future

    def take(self) -> tuple[T | None, str | None]:
        """The answer if it is there, or why there is none and will be none. Both None: not yet."""
        if self._future is None:
            return None, None
        if not self._future.done():
            waited = self._clock.monotonic() - self._asked
            return None, f"no answer for {waited:.0f} s" if waited > self._silent_after else None
        future, self._future = self._future, None
        try:
            return future.result(), None
        except (Transient, Permanent) as failure:
            return None, str(failure) or type(failure).__name__


class Patrol:
    """Reads the world once per `step`. One thread steps; `on_business` and the event thread only feed queues.

    `nudge` is called when a container event arrives, so that the next step comes at once. `alerts` gives what
    Alertmanager has said since it was last called. `control_url` is something of our own that always answers; None
    leaves that check out.
    """

    def __init__(
        self,
        engine: Engine,
        traces: Traces,
        probe: Probe,
        clock: Clock,
        *,
        nudge: Callable[[], None] = lambda: None,
        alerts: Callable[[], tuple[Alert, ...]] = lambda: (),
        control_url: str | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._engine, self._probe, self._clock = engine, probe, clock
        self._survey = Survey(traces, MOST_TRACES)
        self._nudge, self._alerts, self._control_url, self._pace = nudge, alerts, control_url, pace or Pace()
        self._pool = ThreadPoolExecutor(8, "patrol")
        self._containers: dict[str, Container] = {}
        self._listed = False
        self._listing: _Reading[tuple[Container, ...]] = self._reading()
        self._control: _Reading[ProbeResult] = self._reading()
        self._control_ok = True
        self._probes: dict[str, _Reading[ProbeResult]] = {}
        self._spans: _Reading[tuple[Trace, ...]] = self._reading()
        self._traces_at = self._deep_at = self._listed_at = float("-inf")
        self._deep_reads = 0
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._events: queue.SimpleQueue[ContainerEvent] = queue.SimpleQueue()
        self._events_known: OrderedDict[ContainerEvent, None] = OrderedDict()
        self._business: queue.Queue[Event] = queue.Queue(MOST_EVENTS)
        self._business_known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._blind: dict[str, str] = {}
        self._events_blind: str | None = None
        self._stopped = threading.Event()
        self._follower = threading.Thread(target=self._follow, name="engine-events", daemon=True)
        self._since = clock.now()

    def start(self) -> None:
        """Begin to follow the engine's events."""
        self._follower.start()

    def stop(self) -> None:
        """Let go of everything. The event thread ends with its next event or time-out."""
        self._stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def containers(self) -> Mapping[str, Container] | None:
        """The containers that are watched, as last read; None before the engine has answered once. Any thread."""
        return self._containers if self._listed else None

    def on_business(self, event: Event) -> None:
        """A business event from the stream. Never blocks; when steps fall far behind, the newest are dropped."""
        try:
            self._business.put_nowait(event)
        except queue.Full:
            self._blind["stream"] = f"more than {MOST_EVENTS} events waiting"

    def step(self) -> Observations:
        """Look once. Raises nothing that the world causes."""
        if self._clock.monotonic() - self._listed_at >= self._pace.containers_every:
            self._list()
        if self._control_url is not None:
            self._control.ask(self._ask, self._control_url)
        for name, container in self._containers.items():
            url = container.labels.get(HEALTH_URL)
            if url and container.running:
                self._probes.setdefault(name, self._reading()).ask(self._ask, url)
        self._ask_for_traces()
        self._await(
            self._control.under_way, self._spans.under_way, *(reading.under_way for reading in self._probes.values())
        )
        self._take_control()
        events = self._take_events()
        if events:  # what the engine said of the past goes with what it says now
            self._list()
        self._take_containers()
        probes = self._take_probes()
        spans = self._take_spans()
        business = self._take_business()
        self._see("events", self._events_blind)
        return Observations(
            at=self._clock.now(),
            probes=probes,
            containers=dict(self._containers),
            events=events,
            spans=spans,
            business=business,
            alerts=self._alerts(),
            blind=dict(self._blind),
            probe_control_ok=self._control_ok,
        )

    def _reading(self) -> _Reading[Any]:
        return _Reading(self._pool, self._clock, self._pace.silent_after)

    def _await(self, *futures: Future[Any] | None) -> None:
        wait([f for f in futures if f is not None], self._pace.patience)

    def _see(self, source: str, reason: str | None) -> None:
        if reason is None:
            self._blind.pop(source, None)
        else:
            self._blind[source] = reason

    def _ask(self, url: str) -> ProbeResult:
        asked, begun = self._clock.now(), self._clock.monotonic()
        try:
            ok, detail = self._probe.healthy(url, self._pace.probe_timeout)
        except (Transient, Permanent) as failure:
            ok, detail = False, str(failure)
        return ProbeResult(ok, detail[:200], (self._clock.monotonic() - begun) * 1000, asked)

    def _list(self) -> None:
        self._listed_at = self._clock.monotonic()
        self._take_containers()
        self._listing.ask(self._engine.managed)
        self._await(self._listing.under_way)
        self._take_containers()

    def _take_containers(self) -> None:
        containers, failure = self._listing.take()
        if containers is not None:
            self._containers = {c.name: c for c in containers if is_patient(c.name)}
            self._listed = True
            for gone in set(self._probes) - set(self._containers):
                del self._probes[gone]
        if containers is not None or failure is not None:
            self._see("containers", failure)

    def _take_control(self) -> None:
        result, _ = self._control.take()
        if result is not None:
            self._control_ok = result.ok

    def _take_probes(self) -> dict[str, ProbeResult]:
        results: dict[str, ProbeResult] = {}
        for name, reading in self._probes.items():
            result, _ = reading.take()
            if result is not None:
                results[name] = result
        return results

    def _ask_for_traces(self) -> None:
        now = self._clock.monotonic()
        if self._spans.under_way is not None or now - self._traces_at < self._pace.traces_every:
            return
        deep = now - self._deep_at >= self._pace.deep_every
        self._traces_at = now
        if deep:
            self._deep_at, self._deep_reads = now, self._deep_reads + 1
        back = self._pace.deep if deep else self._pace.fresh
        self._spans.ask(self._read_traces, back, deep and self._deep_reads % WHOLE_EVERY == 1)

    def _read_traces(self, back: float, whole: bool) -> tuple[Trace, ...]:
        """The traces of the last `back` seconds."""
        end = self._clock.now() + timedelta(seconds=1)
        start = end - timedelta(seconds=back + 1)
        return self._survey.read(start, end, whole=whole)

    def _take_spans(self) -> tuple[Span, ...]:
        traces, failure = self._spans.take()
        if failure is not None:
            self._see("traces", failure)
        if traces is None:
            return ()
        self._see("traces", None)
        spans = [s for t in traces for s in t.spans if _first(self._known, (s.trace_id, s.span_id), MOST_SPANS_KNOWN)]
        return tuple(spans)

    def _take_events(self) -> tuple[ContainerEvent, ...]:
        events = []
        while not self._events.empty():
            event = self._events.get()
            if _first(self._events_known, event, MOST_EVENTS):
                events.append(event)
        return tuple(events)

    def _take_business(self) -> tuple[Event, ...]:
        events = []
        for _ in range(MOST_EVENTS):
            try:
                event = self._business.get_nowait()
            except queue.Empty:
                self._see("stream", None)
                break
            if _first(self._business_known, (event.source, event.id), MOST_SPANS_KNOWN):
                events.append(event)
        return tuple(events)

    def _follow(self) -> None:
        since: datetime = self._since
        while not self._stopped.is_set():
            begun = self._clock.monotonic()
            try:
                for event in self._engine.events(since, self._stopped.is_set):
                    self._events_blind = None
                    since = max(since, event.at)
                    self._events.put(event)
                    self._nudge()
            except (Transient, Permanent) as failure:
                lasted = self._clock.monotonic() - begun
                if lasted >= self._pace.short_lived:  # a silent stream is cut off now and then; nothing is lost by it
                    self._events_blind = None
                    continue
                self._events_blind = str(failure) or type(failure).__name__
            self._stopped.wait(self._pace.retry_events)


def _first(known: OrderedDict[Any, None], key: object, most: int) -> bool:
    """Whether `key` is new to `known`, which keeps the last `most`."""
    if key in known:
        return False
    known[key] = None
    if len(known) > most:
        known.popitem(last=False)
    return True
