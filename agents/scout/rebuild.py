"""After a start: what was usual lately, read back from the trace store in the background, a minute at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from agents.scout.learner import Learner
from agents.scout.survey import Survey
from shared.analysis.trace import Trace
from shared.ports import Clock, Permanent, Traces, Transient

_log = structlog.get_logger()

MOST_TRACES: Final = 200
"""Per minute and question: a sample of the newest."""
MOST_SPANS: Final = 60_000
"""In all; whatever is older is left."""
TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Pace:
    """Durations. `window`: how far back. `margin`: the newest part, which the patrol reads itself.

    `first`: how long after the start it begins, so that a fault that is there already shows before. `pause`: between
    two questions. `retry`: after a failure.
    """

    window: timedelta = timedelta(minutes=30)
    margin: timedelta = timedelta(seconds=60)
    piece: timedelta = timedelta(seconds=60)
    first: float = 15.0
    pause: float = 0.5
    retry: float = 5.0


class Rebuild:
    """One thread that ends by itself."""

    def __init__(self, traces: Traces, clock: Clock, learner: Learner, pace: Pace | None = None) -> None:
        self._survey, self._learner, self._pace = Survey(traces, MOST_TRACES), learner, pace or Pace()
        self._end = clock.now() - self._pace.margin
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rebuild", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def wait(self, seconds: float) -> bool:
        """Whether it is over within so long."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        read = 0
        try:
            if not self._stopped.wait(self._pace.first):
                read = self._read_back()
        except (Transient, Permanent) as failure:
            _log.info("the trace store does not say what was usual", why=str(failure))
        finally:
            self._learner.recalled()
        _log.info("read back what was usual", spans=read)

    def _read_back(self) -> int:
        """Newest first. The number of spans. Raises Transient and Permanent."""
        read, end, first = 0, self._end, self._end - self._pace.window
        while end > first and read < MOST_SPANS:
            start = max(first, end - self._pace.piece)
            traces = self._piece(start, end)
            read += sum(len(trace.spans) for trace in traces)
            while traces and not self._learner.offer(traces):
                if self._stopped.wait(self._pace.pause):
                    return read
            if self._stopped.wait(self._pace.pause):
                return read
            end = start
        return read

    def _piece(self, start: datetime, end: datetime) -> tuple[Trace, ...]:
        """Raises Permanent, and Transient when it stays so."""
        for _ in range(TRIES - 1):
            try:
                return self._survey.read(start, end)
            except Transient as failure:
                _log.debug("not read back yet", why=str(failure))
                if self._stopped.wait(self._pace.retry):
                    return ()
        return self._survey.read(start, end)
