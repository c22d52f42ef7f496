"""One step: read one incident, let the agent judge, apply its one effect; again until it has nothing to add.

After a fact of its own the log is not read again but continued: each round trip counts between a fault and its restart.
After an act it is read again: a proof may take minutes, and a freeze or a hold stands between the steps of a change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from shared.agent import Act, Agent, Answer, Close, Delegate, Hand, Label, Later, Say, Withdraw
from shared.crashpoints import reach
from shared.incident.facts import AnyFact, Commanded, Detected, Diagnosed, Stuck
from shared.incident.replay import Incident, replay, why_not
from shared.incident.thread import Comment, Thread
from shared.ports import Permanent, Transient
from shared.runtime.scribe import Desk, Scribe
from shared.runtime.tracing import step_span

_log = structlog.get_logger()
MAX_EFFECTS: Final = 5
"""Effects one wake-up may lead to before the incident goes back to the agenda: a bound against loops."""

SOON: Final = 1.0
"""Seconds until the next look at what was done without a word."""


@dataclass(frozen=True, slots=True)
class Again:
    """Look at the incident again in `seconds`; None: when woken. `told`, for people: what became of this step."""

    seconds: float | None
    told: str = ""
    failed: bool = False
    """The world was in the way."""


class Stepper:
    """Handles one incident at a time; safe to call for different incidents in parallel."""

    def __init__(self, agent: Agent[Any], desk: Desk, scribe: Scribe, hand: Hand[Any] | None = None) -> None:
        self._agent = agent
        self._desk = desk
        self._scribe = scribe
        self._hand = hand
        self._failures: dict[int, int] = {}
        self.standing: dict[int, str] = {}
        """Status of every incident as last read, the closed ones until they are forgotten."""

    def step(self, number: int) -> Again:
        """Bring incident `number` as far as this agent can. Transient and Permanent failures end here; bugs do not."""
        begun = self._desk.clock.monotonic()
        try:
            return self._step(number)
        finally:
            self._desk.meter.step_seconds.add(max(self._desk.clock.monotonic() - begun, 0.0))

    def _step(self, number: int) -> Again:
        structlog.contextvars.bind_contextvars(incident=number)
        try:
            again = self._advance(number)
        except Transient as failure:
            count = self._failures[number] = self._failures.get(number, 0) + 1
            delay = failure.retry_after if failure.retry_after is not None else min(0.25 * 2**count, 30.0)
            self._desk.meter.steps.add(result="transient")
            _log.warning("try later", why=str(failure), delay_s=delay)
            return Again(delay, f"failed for now: {failure}", failed=True)
        except Permanent as failure:
            self._desk.meter.steps.add(result="permanent")
            _log.error("cannot go on", why=str(failure))
            return self._give_up(number, str(failure))
        self._failures.pop(number, None)
        return again

    def _advance(self, number: int) -> Again:
        thread, incident = self._read(number)
        done: list[str] = []
        for _ in range(MAX_EFFECTS):
            self.standing[number] = incident.status.value if incident.is_incident else "none"
            if not incident.is_incident or not self._agent.concerns(incident):
                self._desk.meter.steps.add(result="no concern")
                return Again(None, _told(done, "nothing to do"))
            with step_span(f"{self._agent.role} step", incident.repo, number, linked_traces(incident)) as span:
                span.set_attribute("sre_space.status", incident.status.value)
                effect = self._agent.judge(incident, self._agent.look(incident))
                reach("judged")
                span.set_attribute("sre_space.action", type(effect).__name__)
                self._desk.meter.steps.add(result="nothing" if effect is None else type(effect).__name__.lower())
                match effect:
                    case None:
                        return Again(None, _told(done, "nothing to do"))
                    case Later(at=at, why=why):
                        _log.info("later", at=at.isoformat(), why=why)
                        seconds = max((at - self._desk.issues.now()).total_seconds(), 0.05)
                        return Again(seconds, _told(done, f"again at {at:%Y-%m-%d %H:%M:%S} UTC: {why}"))
                    case Say() | Act() | Withdraw() | Delegate():
                        said = self._say(incident, effect)
                        if said is None:
                            if isinstance(effect, Delegate | Withdraw):
                                return Again(SOON, _told(done, "did what leaves no fact"))
                            return Again(None, _told(done, "nothing to say that fits the log as it stands"))
                        if isinstance(effect, Act):  # it may have taken long: people may have said stop
                            thread, incident = self._read(number)
                        else:
                            thread = replace(thread, comments=(*thread.comments, said))
                            incident = self._replayed(thread, incident.frozen)
                        done.append(f"said {incident.entries[-1].fact.move}" if incident.entries else "said")
                    case Label() | Answer() | Close():
                        self._do(incident, effect)
                        done.append(type(effect).__name__.lower())
                        thread, incident = self._read(number)
        return Again(0.0, _told(done, "more to do"))

    def _read(self, number: int) -> tuple[Thread, Incident]:
        thread, frozen = self._desk.issues.snapshot(number)
        incident = self._replayed(thread, frozen)
        for rejected in incident.rejected:
            _log.debug("not a fact", comment=rejected.comment_id, why=rejected.reason)
        reach("read")
        return thread, incident

    def _replayed(self, thread: Thread, frozen: bool) -> Incident:
        return replace(replay(thread, self._desk.keyring), frozen=frozen)

    def _say(self, incident: Incident, effect: Say | Act | Withdraw | Delegate) -> Comment | None:
        """Write the fact, or act and write what came of it. None when the log has no room for it any more."""
        if isinstance(effect, Say):
            moves = isinstance(effect.fact, Commanded) and effect.fact.command != "silence"
            if incident.closed and moves:  # first: who dies here leaves it to the next
                self._desk.writer.reopen(incident.number)
            return self._scribe.say(incident, effect.fact)
        if self._hand is None:
            raise TypeError(f"{self._agent.role} has no hands")
        fact = self._hand.carry_out(effect)
        return self._scribe.say(incident, fact) if fact is not None else None

    def _do(self, incident: Incident, effect: Label | Answer | Close) -> None:
        match effect:
            case Label(label=label, present=present, answer=answer):
                change = self._desk.writer.add_label if present else self._desk.writer.remove_label
                change(incident.number, label)
                self._scribe.project(incident.number)
                self._scribe.answer(incident.number, answer)
            case Answer():
                self._scribe.answer(incident.number, effect)
            case Close():
                self._desk.writer.close(incident.number)

    def _give_up(self, number: int, why: str) -> Again:
        stuck: AnyFact = Stuck(reason=why[:300], todo="Mend what is named above, then answer with /retry.")
        try:
            _, incident = self._read(number)
            if why_not(incident, stuck, self._agent.role, self._desk.issues.now()) is None:
                self._scribe.say(incident, stuck)
        except Transient as failure:
            return Again(failure.retry_after or 5.0, f"cannot go on: {why}", failed=True)
        except Permanent as failure:
            _log.error("could not say so", why=str(failure))
        return Again(None, f"cannot go on: {why}", failed=True)


def _told(done: list[str], rest: str) -> str:
    return "; ".join((*done, rest))


def linked_traces(incident: Incident) -> tuple[str, ...]:
    """The patient's traces that the log cites as evidence."""
    cited = {
        e.trace_id: None
        for entry in incident.entries
        if isinstance(entry.fact, Detected | Diagnosed)
        for e in entry.fact.evidence
        if e.trace_id
    }
    return tuple(cited)[:10]
