"""Brain's judgement: hear the panel, propose the one action that fits, hand on what no restart mends, else say so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from agents.brain.advice import reordered
from agents.brain.case import Case
from agents.brain.causes import TITLES
from agents.brain.counsel import Counsel, heard, preferred
from agents.brain.director import Panel, convene
from agents.brain.exhibit import exhibit
from agents.brain.past import cited, excerpt, fitting, pointed, remembered
from agents.brain.remedy import Allowed, NoRemedy, learned, remedy
from shared.agent import Later, Say
from shared.incident.brief import brief
from shared.incident.episodes import Episode, episodes
from shared.incident.facts import Advised, Detected, Diagnosed, Escalated, Stuck, Verified
from shared.incident.parts import Hypothesis
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.recall.experience import Experience

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
    past = learned(incident, seen.case, best)
    repeated = firings(incident, seen, best)
    if repeated > seen.escalate_after:
        reason = f"{repeated} firings of the same fault within {seen.window.total_seconds() / 3600:g} h"
        return _escalate(incident, seen, panel, reason, past)
    doubtful = best.cause == "unknown" or best.probability < CLEAR
    if doubtful and not panel.steering.said and seen.now - _moved_at(incident) < PATIENCE:
        return Later(seen.now + timedelta(seconds=1), "the evidence does not name a cause clearly yet")
    if best.cause == "unknown" or (best.probability < ENOUGH and not panel.in_focus):
        return Say(_unknown(seen.case, panel))
    chosen = remedy(incident, seen.case, best, repeated, seen.allowed)
    if isinstance(chosen, NoRemedy):
        if chosen.how == "escalate":
            return _escalate(incident, seen, panel, chosen.reason, past)
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
            evidence=(*panel.evidence, *cited(past, panel.evidence)),
            missing=panel.notes,
            directive=chosen,
            settle=panel.settle,
            exhibit=exhibit(seen.case, panel.reading, best.service),
            steered=panel.steering.said,
            remembered=(*remembered(past, chosen.verb), *pointed(fitting(seen.case.runbooks, best))),
        )
    )


def _moved_at(incident: Incident) -> datetime:
    """When the incident last moved: a model's words move nothing."""
    return next(e.posted_at for e in reversed(incident.entries) if not isinstance(e.fact, Advised))


def firings(incident: Incident, seen: Seen, best: Hypothesis | None = None) -> int:
    """How often this fault fired within the window, this time and ineffective fixes included.

    The same fault is the same symptom of the same service, or what was diagnosed as `best` is: one trouble that shows
    in two services at once counts once.
    """
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
    return count + (_elsewhere(logs.values(), seen, best, fingerprint) if best and best.cause != "unknown" else 0)


def _elsewhere(logs: Iterable[Incident], seen: Seen, best: Hypothesis, fingerprint: str) -> int:
    """Firings of other symptoms that were diagnosed as `best` is, and at other times than those counted already."""
    within = [e for log in logs for e in episodes(log) if seen.now - e.at <= seen.window]
    told = [e for e in within if e.fingerprint == fingerprint]
    known = len(told)
    for episode in within:
        alike = (episode.service, episode.cause) == (best.service, best.cause) and episode.fingerprint != fingerprint
        if alike and not any(_at_once(episode, other) for other in told):
            told.append(episode)
    return len(told) - known


def _at_once(one: Episode, other: Episode) -> bool:
    return one.since <= other.at and other.since <= one.at


def _escalate(incident: Incident, seen: Seen, panel: Panel, reason: str, past: Experience) -> Say:
    best = panel.leading
    lines, runbook = remembered(past, None), fitting(seen.case.runbooks, best)
    text = brief(
        incident,
        f"Likeliest: {TITLES[best.cause]} in {best.service} ({best.probability:.2f}).",
        *(f"Before: {line}." for line in lines),
        *excerpt(runbook),
        f"Not available: {'; '.join(panel.notes) or 'nothing'}.",
    )
    return Say(
        Escalated(
            reason=reason[:300],
            brief=text,
            hypotheses=panel.hypotheses,
            evidence=(*panel.evidence, *cited(past, panel.evidence)),
            settle=panel.settle,
            exhibit=exhibit(seen.case, panel.reading, best.service),
            steered=panel.steering.said,
            remembered=(*lines, *pointed(runbook)),
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
