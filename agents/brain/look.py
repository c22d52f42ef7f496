"""What Brain reads: containers, log lines, traces before and during, commits, earlier incidents. Read-only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from agents.brain.analysts.gauges import QUERIES
from agents.brain.case import Case, Touch
from agents.brain.clean import Clean
from agents.brain.commits import MOST, desired, touch
from agents.brain.counsel import RESTING, Counsel, Finding, Topic, topic
from agents.brain.frozen import Cases, NotFrozen, digest, freeze
from agents.brain.judge import ENOUGH, Seen, diagnose, judge
from agents.brain.question import Shown, question, shown
from agents.brain.recall import Recall
from agents.brain.remedy import Allowed
from shared.agent import Effect, Later, Say
from shared.analysis.metrics import Series
from shared.analysis.trace import Trace
from shared.gitops.stack import Stack
from shared.incident.record import Role
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.knowledge import Knowledge
from shared.ports import (
    Adviser,
    Commit,
    Engine,
    History,
    Issues,
    Metrics,
    Past,
    Permanent,
    Reply,
    Traces,
    Transient,
    Usual,
)
from shared.redaction import Redactor
from shared.source import Source

_log = structlog.get_logger()
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
FRESH = timedelta(minutes=10)
"""How long after its last fact a resting incident may still be asked about: a new model does not read old issues."""
NOTHING = Case({}, "", (), (), (), ())
MOST_ASKED = 256
"""Incidents whose question to a model is remembered."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question about one incident while its log had this head."""

    head: str
    topic: Topic
    shown: Shown
    key: str


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
        adviser: Adviser | None = None,
        metrics: Metrics | None = None,
        source: Source | None = None,
        allowed: Allowed = lambda *_: True,
        knowledge: Knowledge | None = None,
        cases: Cases | None = None,
    ) -> None:
        """`adviser`: a language model, for where arithmetic is not clear; None: there is none. `source`: the
        repository, where its commits can be read; without it no change of it is proposed. `knowledge`: where what is
        alike is found; None: only the window is known. `cases`: where what was judged is kept; None: nowhere."""
        self._recall = Recall(knowledge, past, source, redactor.text) if knowledge is not None else None
        self._source = source
        self._cases = cases
        self._allowed = allowed
        self._engine = engine
        self._traces = traces
        self._issues = issues
        self._history = history
        self._past = past
        self._window = window
        self._escalate_after = escalate_after
        self._redactor = redactor
        self._adviser = adviser
        self._asked: OrderedDict[int, _Asked] = OrderedDict()
        self._usual = usual
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="look")

    def concerns(self, incident: Incident) -> bool:
        if incident.closed:
            return False
        rests = self._adviser is not None and incident.status in RESTING and topic(incident, None, ENOUGH) is not None
        return incident.status is Status.DETECTED or rests

    def look(self, incident: Incident) -> Seen:
        """Everything that the diagnosis needs, and what came of asking a model where that is worth it."""
        if incident.status is not Status.DETECTED:
            seen = Seen(NOTHING, self._issues.now(), self._window, self._escalate_after)
        else:
            seen = self._evidence(incident)
        if self._adviser is None or (
            incident.status is not Status.DETECTED and seen.now - incident.entries[-1].posted_at > FRESH
        ):
            return seen
        draft = diagnose(incident, seen) if incident.status is Status.DETECTED else None
        return replace(seen, counsel=self._counsel(incident, draft, self._adviser))

    def _counsel(self, incident: Incident, draft: Say | Later | None, adviser: Adviser) -> Counsel | None:
        """What came of the question about this incident as its log stands: asked once, however evidence moves on."""
        asked = self._asked.get(incident.number)
        if asked is None or asked.head != incident.head:
            about = topic(incident, draft, ENOUGH)
            if about is None:
                return None
            visible = shown(about.hypotheses, about.evidence, self._redactor)
            put = question(incident, visible, self._redactor)
            asked = self._asked[incident.number] = _Asked(incident.head, about, visible, put.key)
            if len(self._asked) > MOST_ASKED:
                self._asked.popitem(last=False)
            adviser.ask(put)
        reply = adviser.reply(asked.key) or Reply(None, "what came of the question to the model is forgotten")
        return Counsel(asked.topic, asked.shown, reply)

    def _evidence(self, incident: Incident) -> Seen:
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
        recall = self._recall
        recalled = start("knowledge", lambda: recall.incidents(incident, now) if recall else ())
        runbooks = start("knowledge: runbooks", lambda: recall.runbooks(incident, now) if recall else ())
        gauges = {
            gauge: start(f"metrics: {gauge}", partial(self._range_of, query, since - GAUGED, now))
            for gauge, query in (QUERIES.items() if self._metrics is not None else ())
        }
        named = {c.name: c for c in containers()}
        recent = commits()
        touches = start("what commits mean", lambda: self._touches(recent, {*named, detected.service}))
        state = start("the desired state", self._state)
        before, now_seen = baseline(), during()
        own = named.get(detected.service)
        ended = own is not None and not own.running
        if len(now_seen) < SILENT and "traces during" not in missing and not ended:
            # it hardly serves any more: what it should have served shows with its callers. A container that has ended
            # says all by its state, and is waited for
            others = sorted(named.keys() - {detected.service})
            around = [
                start("traces of others", partial(self._window_of, name, first, last, AROUND))
                for name in others
                for first, last in ((since - BASELINE, since - MARGIN), (since - LATE, now + MARGIN))
            ]
            found = [read() for read in around]
            before, now_seen = _together(before, *found[::2]), _together(now_seen, *found[1::2])
        clean = Clean(self._redactor)
        case = Case(
            containers=clean.containers(named),
            last_words=clean.text("".join(logs()))[-4000:],
            baseline=clean.traces(before),
            during=clean.traces(now_seen),
            commits=clean.commits(recent),
            earlier=earlier(),
            missing=missing,
            usual=self._usual.usual() if self._usual is not None else None,
            gauges={gauge: read() for gauge, read in gauges.items()},
            touches=clean.touches(touches()),
            recalled=recalled(),
            runbooks=runbooks(),
        )
        for head, stack in state():
            case = replace(case, head=head, desired=clean.desired(stack))
        if "knowledge" in missing:
            missing.pop("knowledge: runbooks", None)
        if not case.during and "traces during" not in missing:
            missing["traces during"] = "none in the window"
        return Seen(case, now, self._window, self._escalate_after, self._allowed)

    def judge(self, incident: Incident, seen: Seen) -> Effect | None:
        """The judgement is pure; what it was made of is kept, and the fact says which text that is."""
        effect = judge(incident, seen)
        if self._cases is None or not (isinstance(effect, Say) and isinstance(effect.fact, Finding)):
            return effect
        try:
            text = freeze(incident, seen)
        except NotFrozen as error:
            _log.warning("the case is not kept", incident=incident.number, why=str(error))
            return effect
        name = digest(text)
        return Say(effect.fact.model_copy(update={"frozen": name})) if self._cases.keep(name, text) else effect

    def _range_of(self, query: str, start: datetime, end: datetime) -> tuple[Series, ...]:
        return self._metrics.ranges(query, start, end, STEP) if self._metrics is not None else ()

    def _touches(self, commits: tuple[Commit, ...], services: set[str]) -> tuple[Touch, ...]:
        """What the newest commits mean, where the repository can be read."""
        source = self._source
        if source is None:
            return ()
        found = (touch(source, commit, services) for commit in commits[:MOST])
        return tuple(t for t in found if t is not None)

    def _state(self) -> tuple[tuple[str, Stack | None], ...]:
        """The default branch's commit and what it declares."""
        if self._source is None:
            return ()
        head = self._source.head()
        return ((head, desired(self._source, head)),)

    def _window_of(self, service: str, start: datetime, end: datetime, limit: int = 300) -> tuple[Trace, ...]:
        return self._traces.traces(service, start, end, limit=limit)


def _together(*windows: tuple[Trace, ...]) -> tuple[Trace, ...]:
    """Each trace once."""
    return tuple({trace.trace_id: trace for window in windows for trace in window}.values())
