"""Brain's judgement: hear the panel, propose the one action that fits, hand on what no restart mends, else say so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from agents.brain.advice import reordered
from agents.brain.case import Case
from agents.brain.causes import TITLES
from agents.brain.counsel import Counsel, heard, preferred
from agents.brain.director import Panel, convene
from agents.brain.exhibit import exhibit
from agents.brain.remedy import Allowed, NoRemedy, remedy
from shared.agent import Later, Say
from shared.incident.brief import brief
from shared.incident.facts import Advised, Detected, Diagnosed, Escalated, Stuck, Verified
from shared.incident.replay import Incident
from shared.incident.status import Status

ENOUGH: Final = 0.5
"""Below this probability Brain says that it does not know, unless a person has put the hypothesis in focus."""
CLEAR: Final = 0.8
"""Below this Brain waits a little for evidence that may still arrive."""
PATIENCE: Final = timedelta(seconds=10)
"""How long it waits before it says what it has."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look: the case, GitHub's time, and how many firings the policy lets the fleet answer itself."""

    case: Case
    now: datetime
    window: timedelta
    escalate_after: int
    allowed: Allowed = lambda *_: True
    counsel: Counsel | None = None
    """What came of asking a model, where one was asked."""


def judge(incident: Incident, seen: Seen) -> Say | Later | None:
    """Diagnosed, Escalated or Stuck; Later while evidence, or a model that was asked, may still come; Advised.

    Whatever a model does, the diagnosis is that of `diagnose` at last.
    """
    if seen.counsel is None:
        return diagnose(incident, seen) if incident.status is Status.DETECTED else None
    said = heard(incident, seen.counsel, seen.now, ENOUGH)
    if not isinstance(said, str):
        return said
    if incident.status is not Status.DETECTED:
        return None
    case = replace(seen.case, missing={**seen.case.missing, "advice": said})
    return diagnose(incident, replace(seen, case=case))


def diagnose(incident: Incident, seen: Seen) -> Say | Later | None:
    """The diagnosis by arithmetic, in the order that people and evidence leave open."""
    panel = convene(incident, seen.case)
    if not panel.steering.said:
        panel = replace(panel, hypotheses=reordered(panel.hypotheses, preferred(incident), ENOUGH))
    best = panel.leading
    repeated = firings(incident, seen)
    if repeated > seen.escalate_after:
        reason = f"{repeated} firings of the same fault within {seen.window.total_seconds() / 3600:g} h"
        return _escalate(incident, seen, panel, reason)
    doubtful = best.cause == "unknown" or best.probability < CLEAR
    if doubtful and not panel.steering.said and seen.now - _moved_at(incident) < PATIENCE:
        return Later(seen.now + timedelta(seconds=1), "the evidence does not name a cause clearly yet")
    if best.cause == "unknown" or (best.probability < ENOUGH and not panel.in_focus):
        return Say(_unknown(seen.case, panel))
    chosen = remedy(incident, seen.case, best, repeated, seen.allowed)
    if isinstance(chosen, NoRemedy):
        if chosen.how == "escalate":
            return _escalate(incident, seen, panel, chosen.reason)
        return Say(_stuck(seen.case, panel, chosen.reason, "Look at the engine, then /retry."))
    attempt = incident.attempt + 1
    return Say(
        Diagnosed(
            attempt=attempt,
            root_cause=TITLES[best.cause],
            cause=best.cause,
            service=best.service,
            confidence=best.probability,
            hypotheses=panel.hypotheses,
            evidence=panel.evidence,
            missing=panel.notes,
            directive=chosen,
            settle=panel.settle,
            exhibit=exhibit(seen.case, panel.reading, best.service),
            steered=panel.steering.said,
        )
    )


def _moved_at(incident: Incident) -> datetime:
    """When the incident last moved: a model's words move nothing."""
    return next(e.posted_at for e in reversed(incident.entries) if not isinstance(e.fact, Advised))


def firings(incident: Incident, seen: Seen) -> int:
    """How often this fault fired within the window, this time and ineffective fixes included."""
    fingerprint = incident.detected.fingerprint
    logs = {i.number: i for i in seen.case.earlier} | {incident.number: incident}
    count = 0
    for log in logs.values():
        same = False
        for entry in log.entries:
            recent = seen.now - entry.posted_at <= seen.window
            if isinstance(entry.fact, Detected):
                same = entry.fact.fingerprint == fingerprint
                count += same and recent
            elif isinstance(entry.fact, Verified) and entry.fact.outcome in ("unhealthy", "ineffective"):
                count += same and recent
    return count


def _escalate(incident: Incident, seen: Seen, panel: Panel, reason: str) -> Say:
    best = panel.leading
    text = brief(
        incident,
        f"Likeliest: {TITLES[best.cause]} in {best.service} ({best.probability:.2f}).",
        f"Not available: {'; '.join(panel.notes) or 'nothing'}.",
    )
    return Say(
        Escalated(
            reason=reason[:300],
            brief=text,
            hypotheses=panel.hypotheses,
            evidence=panel.evidence,
            settle=panel.settle,
            exhibit=exhibit(seen.case, panel.reading, best.service),
            steered=panel.steering.said,
        )
    )


def _unknown(case: Case, panel: Panel) -> Stuck:
    best = panel.leading
    lacking = "; ".join(panel.notes) or "nothing was unreadable"
    found = (
        "no evidence speaks for any"
        if best.cause == "unknown" and best.probability > ENOUGH
        else f"the likeliest, {TITLES[best.cause]}, has probability {best.probability:.2f}"
    )
    reason = f"the cause is unknown: {found}; missing: {lacking}"
    todo = "Look at the service; /focus h2 picks a hypothesis, /retry starts over, /escalate hands it on."
    return _stuck(case, panel, reason, todo)


def _stuck(case: Case, panel: Panel, reason: str, todo: str) -> Stuck:
    return Stuck(
        reason=reason[:300],
        todo=todo,
        hypotheses=panel.hypotheses,
        evidence=panel.evidence,
        settle=panel.settle,
        exhibit=exhibit(case, panel.reading, panel.leading.service),
        steered=panel.steering.said,
    )
