"""The one worker loop: a wake-up, the resync interval or stop, whichever first; then the due incidents, in parallel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import schedule
import structlog

from shared import stream
from shared.incident.labels import LEARNED
from shared.incident.status import Status
from shared.incident.thread import Thread
from shared.ports import Permanent, Transient
from shared.runtime.agenda import Agenda
from shared.runtime.scribe import Desk, Scribe
from shared.runtime.step import Again, Stepper

_log = structlog.get_logger()
STOP_WITHIN_S: Final = 8.0
"""How long a stop waits for steps under way. A step that is cut off is taken up from the log by the next process."""
STALLED_AFTER_S: Final = 30.0
BACK_AT_START: Final = timedelta(days=1)
"""How far back a worker that starts looks for issues that were closed: a merge that says "Fixes #N" closes its incident
before it is deployed, and nobody may be there to hear of it."""


def finished(thread: Thread) -> bool:
    """Whether the log of a closed issue has come to its end, as its labels say: without the label it is read."""
    return LEARNED in thread.labels


@dataclass(frozen=True, slots=True)
class Pace:
    """How often things happen."""

    resync_every: timedelta
    heartbeat_every: timedelta = timedelta(seconds=5)
    patrol_every: timedelta | None = None
    parallel: int = 4


class Worker:
    """Runs one agent until told to stop."""

    def __init__(
        self, stepper: Stepper, desk: Desk, scribe: Scribe, pace: Pace, wakes_on: frozenset[str] | None = None
    ) -> None:
        self._stepper = stepper
        self._desk = desk
        self._scribe = scribe
        self._pace = pace
        self._wakes_on = wakes_on
        self._scheduler = schedule.Scheduler()
        self._running: dict[int, Future[Again]] = {}
        self._stopping = threading.Event()
        self._resync_due = threading.Event()
        self.agenda = Agenda(desk.clock.monotonic)
        self.mine: Callable[[int], bool] = lambda _: True
        """Whether an incident falls to this process, where several of its role share the work. It only spares work:
        that nothing is done twice is seen to at the log and at the resource."""
        self.finished: Callable[[Thread], bool] = finished
        """Which closed issues want nothing of this role."""
        self.patrol: Callable[[], None] | None = None
        self.heartbeat: Callable[[], None] | None = None
        self.checks: list[Callable[[], None]] = []
        """Called once a turn; raise what ended a part that the worker cannot work without."""
        self._turned_at = desk.clock.monotonic()
        self._beat_at = 0.0
        self._behind = True
        """Until GitHub's issues have been read once."""
        self._measure()

    def on_wakeup(self, event: stream.Event) -> None:
        """Take a wake-up from the stream. `why` is a hint that spares a read; nothing is believed of it."""
        issue, why = event.data.get("issue"), event.data.get("why")
        if type(issue) is not int or issue <= 0:
            raise stream.Poison("a wake-up without an issue number")
        known_elsewhere = isinstance(why, str) and self._wakes_on is not None and why in stream.FACT_HINTS
        if not known_elsewhere or why in (self._wakes_on or ()):
            self.agenda.wake(issue)

    def resync_soon(self) -> None:
        """Re-read everything at the next turn: wake-ups may have been lost."""
        self._resync_due.set()
        self.agenda.poke()

    def stop(self) -> None:
        """Ask the loop to end; safe from a signal handler's thread."""
        self._stopping.set()
        self.agenda.poke()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def state(self) -> tuple[bool, dict[str, float | int]]:
        """Whether the loop turns, for `/healthz`."""
        idle = self._desk.clock.monotonic() - self._turned_at
        return idle < STALLED_AFTER_S, {"last_turn_s": round(idle, 3), "busy": self.agenda.busy}

    def step(self, number: int) -> Again:
        """One step on one incident, for a process that does not `run`."""
        return self._stepper.step(number)

    def run(self) -> None:
        """Work until `stop`. Raises what a step raised that is neither Transient nor Permanent: that is our bug."""
        every = self._scheduler.every
        every(self._pace.resync_every.total_seconds()).seconds.do(self._resync)  # type: ignore[arg-type]
        every(self._pace.heartbeat_every.total_seconds()).seconds.do(self._beat)  # type: ignore[arg-type]
        self._resync(announce=True)
        self._beat()
        pool = ThreadPoolExecutor(self._pace.parallel, thread_name_prefix="incident")
        try:
            while not self._stopping.is_set():
                self._turned_at = self._desk.clock.monotonic()
                for check in self.checks:
                    check()
                self._scheduler.run_pending()
                if self._resync_due.is_set():
                    self._resync_due.clear()
                    self._resync()
                if self.patrol is not None:
                    self.patrol()
                idle = self._scheduler.idle_seconds or 1.0
                patrol = self._pace.patrol_every.total_seconds() if self._pace.patrol_every else idle
                for number in self.agenda.take(max(min(idle, patrol), 0.01)):
                    if not self.mine(number):
                        self.agenda.done(number)
                        continue
                    future = pool.submit(self._stepper.step, number)
                    self._running[number] = future
                    future.add_done_callback(lambda _: self.agenda.poke())
                self._collect()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            self._wait_for_steps()

    def _collect(self) -> None:
        for number, future in list(self._running.items()):
            if not future.done():
                continue
            del self._running[number]
            self.agenda.done(number)
            again = future.result()
            if again.seconds is not None:
                self.agenda.after(number, again.seconds)

    def _wait_for_steps(self) -> None:
        deadline = self._desk.clock.monotonic() + STOP_WITHIN_S
        for future in self._running.values():
            if future.cancelled():  # never begun: the log still says what is to be done
                continue
            try:
                future.exception(timeout=max(deadline - self._desk.clock.monotonic(), 0.0))
            except (TimeoutError, RuntimeError):
                _log.warning("a step did not end in time; the log takes it up again")

    def _resync(self, announce: bool = False) -> None:
        """Every open incident is due, and what was closed lately; after a start, everybody else is told to look at the
        open ones too."""
        try:
            open_now = self._desk.issues.incidents(state="open")
            closed_lately = self._closed(BACK_AT_START if self._behind else 2 * self._pace.resync_every)
        except (Transient, Permanent) as failure:
            _log.warning("resync failed", why=str(failure))
            return
        self._behind = False
        for thread in closed_lately:
            if self.mine(thread.number):
                self.agenda.wake(thread.number)
        for closed in self._stepper.standing.keys() - {thread.number for thread in open_now}:
            self._stepper.standing.pop(closed, None)
        for thread in open_now:
            if self.mine(thread.number):
                self.agenda.wake(thread.number)
            if announce:
                self._scribe.wake(thread.number, "resync")

    def _closed(self, back: timedelta) -> tuple[Thread, ...]:
        """Closed issues that changed within `back` and may not be finished. Raises Transient or Permanent."""
        since = self._desk.issues.now() - back
        listed = self._desk.issues.incidents(state="all", since=since)
        return tuple(t for t in listed if t.closed and t.updated_at >= since and not self.finished(t))

    def _beat(self) -> None:
        if self.heartbeat is not None:
            self.heartbeat()
        self._beat_at = self._desk.clock.now().timestamp()

    def _measure(self) -> None:
        meter, clock = self._desk.meter, self._desk.clock
        meter.gauges("sre_incidents", "status", "Open incidents as this worker last read them.", self._by_status)
        meter.gauge("sre_incidents_busy", "Incidents that are being stepped.", lambda: self.agenda.busy)
        meter.gauge(
            "sre_loop_lag_seconds", "Time since the loop last turned.", lambda: clock.monotonic() - self._turned_at
        )
        meter.gauge("sre_last_beat_timestamp_seconds", "Last heartbeat, epoch seconds.", lambda: self._beat_at)

    def _by_status(self) -> dict[str, float]:
        standing = tuple(self._stepper.standing.values())
        return {status.value: float(standing.count(status.value)) for status in Status if status is not Status.CLOSED}
