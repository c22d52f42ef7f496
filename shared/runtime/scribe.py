"""Writes facts: refuses what does not fit the table, signs, posts, wakes the next worker, asks for the projection."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from shared import stream
from shared.agent import Answer
from shared.crashpoints import reach
from shared.incident import labels
from shared.incident.codec import Place, compact, encode
from shared.incident.facts import AnyFact, Commanded, Detected, Refused, Stuck, parse_fact
from shared.incident.render import render, title
from shared.incident.replay import GENESIS, Incident, replay, why_not
from shared.incident.signing import Keyring, Signer
from shared.incident.thread import Comment
from shared.ports import Clock, Issues, IssueWriter, Publisher
from shared.redaction import Redactor
from shared.runtime.meter import Meter
from shared.runtime.tracing import traceparent

_log = structlog.get_logger()


class Projects(Protocol):
    """Brings labels and the status card in line with the log, some time soon."""

    def project(self, number: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What every worker writes with: its own key, the fleet's keyring, the ways out."""

    repo: str
    signer: Signer
    keyring: Keyring
    issues: Issues
    writer: IssueWriter
    publisher: Publisher
    clock: Clock
    redactor: Redactor
    meter: Meter = field(default_factory=Meter)


class Scribe:
    """One role's pen. Every method does its write once, or raises Transient having done nothing twice."""

    def __init__(self, desk: Desk, projector: Projects) -> None:
        self._desk = desk
        self._projector = projector

    def say(self, incident: Incident, fact: AnyFact) -> Comment | None:
        """Write `fact` as the next comment. None when the log no longer has room for it."""
        desk = self._desk
        reason = why_not(incident, fact, desk.signer.role, desk.issues.now())
        if reason is not None:
            _log.warning("fact not written", incident=incident.number, fact=fact.move, reason=reason)
            return None
        fact = self._redacted(fact)
        place = Place(incident.repo, incident.number, incident.next_seq, incident.head)
        body = self._encoded(fact, place, incident)
        comment = desk.writer.comment(
            incident.number, body, "safety" if isinstance(fact, Stuck | Refused) else "result"
        )
        reach("written")
        desk.meter.facts.add(fact=fact.move)
        _log.info("said", incident=incident.number, fact=fact.move, comment=comment.id)
        self.wake(incident.number, fact.move)
        reach("woken")
        self.think(incident.number, f"said {fact.move}")
        self._projector.project(incident.number)
        if isinstance(fact, Commanded) and fact.comment_id:
            desk.writer.react(fact.comment_id, "rocket")
        return comment

    def open(self, fact: Detected) -> Incident:
        """Open an issue whose body is `fact`; one write."""
        desk = self._desk
        fact = self._redacted(fact)
        body = self._encoded(fact, Place(desk.repo, 0, 0, GENESIS))
        thread = desk.writer.open_issue(title(fact), body, labels.opening(fact))
        reach("opened")
        desk.meter.facts.add(fact=fact.move)
        _log.info("opened", incident=thread.number, service=fact.service, symptom=fact.symptom)
        self.wake(thread.number, fact.move)
        self.think(thread.number, f"opened: {fact.summary}")
        self._projector.project(thread.number)
        return replay(thread, desk.keyring)

    def answer(self, number: int, answer: Answer) -> None:
        """Answer a person's comment, and mark it so that no process answers it again."""
        text = self._desk.redactor.text(answer.text)
        self._desk.writer.comment(number, f"<!-- sre-space:answer {answer.comment_id} -->\n{text}", "status")
        self._desk.writer.react(answer.comment_id, "rocket")

    def project(self, number: int) -> None:
        """Have labels and the card follow what is no fact: a label that a person wished for."""
        self._projector.project(number)

    def wake(self, number: int, why: str) -> None:
        """Tell the fleet to look at incident `number`; a hint without authority."""
        self._publish(stream.WAKEUPS, number, "io.sre-space.wakeup", {"issue": number, "why": why})

    def think(self, number: int, thought: str) -> None:
        """Let people follow along; never evidence."""
        data = {"issue": number, "agent": self._desk.signer.role, "thought": self._desk.redactor.text(thought)}
        self._publish(stream.THOUGHTS, number, "io.sre-space.thought", data)

    def beat(self, state: dict[str, float | int]) -> None:
        """Say that this worker lives."""
        role = self._desk.signer.role
        self._send(
            stream.HEARTBEATS, role, "io.sre-space.heartbeat", role, {"agent": role, "pid": os.getpid(), **state}
        )

    def _publish(self, topic: str, number: int, kind: str, data: dict[str, Any]) -> None:
        subject = f"{self._desk.repo}#{number}"
        self._send(topic, str(number), kind, subject, data, traceparent(self._desk.repo, number))

    def _send(self, topic: str, key: str, kind: str, subject: str, data: dict[str, Any], traceparent: str = "") -> None:
        role = self._desk.signer.role
        event = stream.Event(
            id=str(uuid.uuid4()),
            source=f"/sre-space/{role}",
            type=kind,
            subject=subject,
            time=self._desk.clock.now(),
            data=data,
            traceparent=traceparent,
        )
        self._desk.publisher.publish(topic, key, event)

    def _encoded(self, fact: AnyFact, place: Place, before: Incident | None = None) -> str:
        desk = self._desk
        try:
            return encode(fact, render(fact, before), place, desk.clock.now(), desk.signer)
        except ValueError as too_long:
            _log.warning("fact cut to fit a comment", fact=fact.move, why=str(too_long))
            short = compact(fact)
            return encode(short, render(short, before), place, desk.clock.now(), desk.signer)

    def _redacted(self, fact: Any) -> Any:
        return parse_fact(self._desk.redactor.json(fact.model_dump(mode="json")))
