"""What Brain reads: containers, log lines, traces before and during, commits, earlier incidents. Read-only."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TypeVar

from agents.brain.case import Case
from agents.brain.judge import Seen, judge
from shared.agent import Effect
from shared.analysis.trace import Trace
from shared.incident.facts import Role
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.ports import Engine, History, Issues, Past, Permanent, Traces, Transient, Usual
from shared.redaction import Redactor

T = TypeVar("T")
BASELINE = timedelta(seconds=60)
"""How much of the time before the symptom counts as normal."""
MARGIN = timedelta(seconds=5)
"""Left out before the symptom's estimated beginning: it may have begun a little sooner."""
LATE = timedelta(seconds=1)
"""How much sooner than estimated the fault may have begun, for the window during it."""


class Brain:
    """Fulfils `shared.agent.Agent`."""

    role: Role = "brain"

    def __init__(
        self,
        engine: Engine,
        traces: Traces,
        issues: Issues,
        history: History,
        past: Past,
        window: timedelta,
        escalate_after: int,
        redactor: Redactor,
        usual: Usual | None = None,
    ) -> None:
        self._engine = engine
        self._traces = traces
        self._issues = issues
        self._history = history
        self._past = past
        self._window = window
        self._escalate_after = escalate_after
        self._redactor = redactor
        self._usual = usual
        self._pool = ThreadPoolExecutor(6, thread_name_prefix="look")

    def concerns(self, incident: Incident) -> bool:
        return incident.status is Status.DETECTED and not incident.closed

    def look(self, incident: Incident) -> Seen:
        """Read all sources at once; one that fails is missing, not fatal."""
        missing: dict[str, str] = {}

        def start(name: str, read: Callable[[], tuple[T, ...]]) -> Callable[[], tuple[T, ...]]:
            future = self._pool.submit(read)

            def result() -> tuple[T, ...]:
                try:
                    return future.result()
                except (Transient, Permanent) as failure:
                    missing[name] = str(failure)[:200]
                    return ()

            return result

        detected, now = incident.detected, self._issues.now()
        since = detected.since
        containers = start("containers", self._engine.managed)
        logs = start("logs", lambda: (self._engine.logs(detected.service, 30),))
        baseline = start("traces before", lambda: self._window_of(detected.service, since - BASELINE, since - MARGIN))
        during = start("traces during", lambda: self._window_of(detected.service, since - LATE, now + MARGIN))
        commits = start(
            "commits", lambda: self._history.commits(since.replace(minute=0, second=0, microsecond=0) - self._window)
        )
        earlier = start("earlier incidents", lambda: self._past.recent(self._window, besides=incident.number))
        case = Case(
            containers={c.name: c for c in containers()},
            last_words=self._redactor.text("".join(logs()))[-4000:],
            baseline=baseline(),
            during=during(),
            commits=commits(),
            earlier=earlier(),
            missing=missing,
            usual=self._usual.usual() if self._usual is not None else None,
        )
        if not case.during and "traces during" not in missing:
            missing["traces during"] = "none in the window"
        return Seen(case, now, self._window, self._escalate_after)

    def judge(self, incident: Incident, seen: Seen) -> Effect | None:
        return judge(incident, seen)

    def _window_of(self, service: str, start: datetime, end: datetime) -> tuple[Trace, ...]:
        return self._traces.traces(service, start, end, limit=300)
