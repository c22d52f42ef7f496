"""Brain: what it looks at, what it asks a model, and where what it judged is kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from agents.brain.case import Case
from agents.brain.counsel import RESTING, Counsel, Finding, Topic, topic
from agents.brain.evidence import Evidence, Sources
from agents.brain.frozen import Cases, NotFrozen, digest, freeze
from agents.brain.judge import ENOUGH, Seen, diagnose, judge
from agents.brain.question import Shown, question, shown
from agents.brain.recall import Recall
from agents.brain.remedy import Allowed
from shared.agent import Effect, Later, Say
from shared.incident.record import Role
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.knowledge import Knowledge
from shared.ports import Adviser, Engine, History, Issues, Metrics, Past, Reply, Traces, Usual
from shared.redaction import Redactor
from shared.source import Source

_log = structlog.get_logger()
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
        recall = Recall(knowledge, past, source, redactor.text) if knowledge is not None else None
        self._evidence = Evidence(
            Sources(engine, traces, history, past, window, redactor, source, recall, usual, metrics)
        )
        self._cases = cases
        self._allowed = allowed
        self._issues = issues
        self._window = window
        self._escalate_after = escalate_after
        self._redactor = redactor
        self._adviser = adviser
        self._asked: OrderedDict[int, _Asked] = OrderedDict()

    def concerns(self, incident: Incident) -> bool:
        if incident.closed:
            return False
        rests = self._adviser is not None and incident.status in RESTING and topic(incident, None, ENOUGH) is not None
        return incident.status is Status.DETECTED or rests

    def look(self, incident: Incident) -> Seen:
        """Everything that the diagnosis needs, and what came of asking a model where that is worth it."""
        now = self._issues.now()
        case = self._evidence.case(incident, now) if incident.status is Status.DETECTED else NOTHING
        seen = Seen(case, now, self._window, self._escalate_after, self._allowed)
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
