"""Escalation's judgement: a permitted person's `jules-fix` escalates; what is escalated goes through the backends.

A session is opened, its plan is shown and waits for a person, its pull request is joined (or opened, of the files it
made), proved, and handed to Guardrail as a directive to merge it. What fails goes to the next backend; the last one is
a person.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.agent import Delegate, Effect, Later, Say
from shared.incident.brief import brief
from shared.incident.commands import RANK
from shared.incident.evidence import one_line
from shared.incident.facts import (
    Commanded,
    Diagnosed,
    Dispatched,
    Escalated,
    Planned,
    Proposed,
    Proved,
    Returned,
    Stuck,
)
from shared.incident.replay import Entry, Incident
from shared.incident.status import TRANSITIONS, Status
from shared.ports import Session
from shared.source import Pull

LEAST: Final = RANK["write"]
POLL: Final = timedelta(seconds=5)
"""Between two looks at a session: it has no webhook (Jules asks for 5 s)."""
REST: Final = timedelta(minutes=10)
MOST_PLAN: Final = 3_900
PERSON: Final = "human"
"""The backend that is a person: what there is to do stands on the issue, and nobody is asked how far it is."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Who put the label on, and what they may do, as GitHub said just now; None when it was no person.

    `session`: the one at work as its backend tells it; `pull`: the pull request it made.
    """

    login: str | None
    permission: str
    now: datetime
    order: tuple[str, ...] = ()
    session: Session | None = None
    pull: Pull | None = None


def judge(incident: Incident, seen: Seen) -> Effect | None:
    """Escalated for a person's label; for what is escalated, the next step of its way through the backends."""
    if incident.status is Status.ESCALATED:
        return _hand_on(incident, seen)
    if seen.login is None or RANK.get(seen.permission, 0) < LEAST:
        return None
    if "escalated" not in TRANSITIONS[incident.status]:
        return None
    reason = f"{seen.login} ({seen.permission}) set the label jules-fix"
    diagnosed = incident.last(Diagnosed)
    return Say(
        Escalated(
            reason=reason[:300],
            brief=brief(incident, *_diagnosis(diagnosed)),
            hypotheses=diagnosed.hypotheses if diagnosed else (),
            evidence=incident.detected.evidence,
        )
    )


def since_handed_on(incident: Incident) -> tuple[Entry, ...]:
    """The entries from the newest escalation on, by whomever."""
    for n, entry in reversed(tuple(enumerate(incident.entries))):
        fact = entry.fact
        if isinstance(fact, Escalated) or (isinstance(fact, Commanded) and fact.command == "escalate"):
            return incident.entries[n:]
    return ()


def of_this_session(incident: Incident) -> tuple[Entry, ...]:
    """The entries since it was handed on, without what came of the sessions before the one at work."""
    entries = since_handed_on(incident)
    begun = [n for n, entry in enumerate(entries) if isinstance(entry.fact, Dispatched)]
    return entries[begun[-1] :] if begun else entries


def attempt(incident: Incident) -> int:
    """The number of the next session on this issue, or of the one at work."""
    told = len(incident.all(Dispatched))
    return told if incident.session is not None else told + 1


def _hand_on(incident: Incident, seen: Seen) -> Effect | None:
    at_work = incident.session
    if at_work is None:
        handed = since_handed_on(incident)
        gone = {e.fact.backend for e in handed if isinstance(e.fact, Returned)}
        asked = next((e.fact.to for e in handed if isinstance(e.fact, Commanded) and e.fact.to), None)
        left = sorted((name for name in seen.order if name not in gone), key=lambda name: name != asked)
        if not seen.order:
            return None  # the label says it all: nobody is configured
        if asked is not None and asked not in seen.order:
            todo = f"/escalate to one of {', '.join(seen.order)}; or add {asked} to SRE_TIER3, then /escalate {asked}."
            return Say(Stuck(reason=f"{asked} is not set up here", todo=todo))
        if not left:
            return Say(
                Stuck(reason="every Tier-3 backend gave it back", todo="Change the code, then /retry; or /escalate.")
            )
        return Delegate("open", left[0], attempt(incident), incident)
    made = [e.fact for e in of_this_session(incident) if isinstance(e.fact, Proposed | Proved)]
    if made:
        return _judge_pull(incident, at_work, made[-1])
    if seen.session is None:
        return Later(seen.now + POLL, f"{at_work.backend} does not say how far it is")
    return _follow(incident, at_work, seen, seen.session)


def _judge_pull(incident: Incident, at_work: Dispatched, last: Proposed | Proved) -> Effect:
    if isinstance(last, Proposed):
        return Delegate("prove", at_work.backend, attempt(incident), incident)
    failed = "; ".join(f"{c.name}: {c.detail}" for c in last.checks if c.ok is False)
    return Say(_returned(at_work, f"pull request {last.number} is {last.verdict}: {failed}"))


def _follow(incident: Incident, at_work: Dispatched, seen: Seen, session: Session) -> Effect:
    if session.pull is not None:
        if seen.pull is None:
            return Later(seen.now + POLL, "its pull request cannot be read yet")
        return Say(_proposed(incident, seen.pull))
    match session.state:
        case "awaiting-approval":
            return _plan(incident, at_work, seen, session.plan or session.detail or "it shows no plan")
        case "failed":
            return Say(_returned(at_work, session.detail or "it failed and does not say why"))
        case "completed":
            if session.made is not None:
                return Delegate("propose", at_work.backend, attempt(incident), incident)
            return Say(_returned(at_work, "; ".join(filter(None, ("it ended without a pull request", session.detail)))))
        case "awaiting-feedback":
            if at_work.backend == PERSON:
                return Later(seen.now + REST, "a person has it")
            todo = one_line(session.detail) or f"Answer it at {session.url}"
            return Say(Stuck(reason=f"{at_work.backend} has a question", todo=todo))
        case _:
            return Later(seen.now + POLL, f"{at_work.backend}: {session.state} {session.detail}"[:200])


def _plan(incident: Incident, at_work: Dispatched, seen: Seen, plan: str) -> Effect:
    """Shown once, and approved only as it was shown."""
    text = plan[:MOST_PLAN]
    digest = hashlib.sha256(text.encode()).hexdigest()
    shown = incident.plan
    if shown is None or shown.plan_sha256 != digest:
        return Say(Planned(backend=at_work.backend, session=at_work.session, plan=text, plan_sha256=digest))
    approved = any(
        isinstance(e.fact, Commanded) and e.fact.command == "approve" and e.fact.directive_sha256 == digest
        for e in since_handed_on(incident)
    )
    if approved:
        return Delegate("approve", at_work.backend, attempt(incident), incident)
    return Later(seen.now + POLL, "its plan waits for a person")


def _proposed(incident: Incident, pull: Pull) -> Proposed:
    return Proposed(
        directive_id=directive_id(incident),
        number=pull.number,
        link=pull.link,
        branch=pull.branch[:300],
        base_sha=pull.base_sha,
        head_sha=pull.head_sha,
        files=(),
        changes=(one_line(pull.title),),
    )


def directive_id(incident: Incident) -> str:
    """Of the merge of what the session at work makes."""
    return f"{incident.repo}#{incident.number}/t{attempt(incident)}"


def _returned(at_work: Dispatched, reason: str) -> Returned:
    return Returned(backend=at_work.backend, session=at_work.session, reason=one_line(reason))


def _diagnosis(diagnosed: Diagnosed | None) -> tuple[str, ...]:
    if diagnosed is None:
        return ()
    return (f"Diagnosed: {diagnosed.root_cause} in {diagnosed.service} ({diagnosed.confidence:.2f}).",)
