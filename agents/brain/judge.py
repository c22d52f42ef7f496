"""Brain's judgement: add the clues up, propose the one action that fits, hand on what no restart mends, else say so."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agents.brain.analysts import business, container, deploys, past, traces
from agents.brain.case import Case, Clue
from shared.agent import Later, Say
from shared.incident.brief import brief
from shared.incident.facts import (
    Cause,
    Detected,
    Diagnosed,
    Directive,
    Escalated,
    Evidence,
    Hypothesis,
    Stuck,
    Verified,
)
from shared.incident.replay import Incident

ANALYSTS: Final = (container, traces, business, deploys, past)

TITLES: Final[dict[Cause, str]] = {
    "oom": "OOM",
    "crash": "process crashed",
    "hang": "process hangs",
    "slow": "slow in its own code",
    "errors": "requests fail in its own code",
    "business-rule": "a business rule refuses purchases",
    "bad-deploy": "a recent change",
    "dependency": "a dependency is down",
    "saturation": "overload",
    "unknown": "unknown",
}
RESTARTABLE: Final[frozenset[Cause]] = frozenset(("oom", "crash", "hang", "slow", "errors"))
"""Causes that live in the process, so that a fresh one is without them. All others need a change, not a restart."""
ENOUGH: Final = 0.5
"""Below this probability Brain says that it does not know."""
PATIENCE: Final = timedelta(seconds=10)
"""How long Brain waits for evidence to arrive before it says so."""
MOST_HYPOTHESES: Final = 6
MOST_CITED: Final = 8
"""Evidence that one hypothesis cites, the weightiest first."""
MOST_EVIDENCE: Final = 16
"""Evidence that one fact holds (facts.Proofs)."""
RESTART_UNDO: Final = "none needed: a restart changes no state; a container that will not start again is escalated"


@dataclass(frozen=True, slots=True)
class Seen:
    """One look: the case, GitHub's time, and how many firings the policy lets the fleet answer itself."""

    case: Case
    now: datetime
    window: timedelta
    escalate_after: int


def judge(incident: Incident, seen: Seen) -> Say | Later | None:
    """Diagnosed, Escalated or Stuck; Later while evidence may still come."""
    hypotheses, evidence = weigh(incident, seen.case)
    repeated = firings(incident, seen)
    if repeated > seen.escalate_after:
        reason = f"{repeated} firings of the same fault within {seen.window.total_seconds() / 3600:g} h"
        return _escalate(incident, seen, reason, hypotheses, evidence)
    best = hypotheses[0]
    if best.cause == "unknown" or best.probability < ENOUGH:
        if seen.now - incident.entries[-1].posted_at < PATIENCE:
            return Later(seen.now + timedelta(seconds=1), "the evidence does not name a cause yet")
        return Say(_unknown(seen.case, best))
    if best.cause not in RESTARTABLE:
        reason = f"{TITLES[best.cause]} in {best.service}: no restart mends that"
        return _escalate(incident, seen, reason, hypotheses, evidence)
    target = seen.case.containers.get(best.service)
    if target is None:
        return Say(Stuck(reason=f"{best.service} has no container to act on", todo="Look at the engine, then /retry."))
    attempt = incident.attempt + 1
    return Say(
        Diagnosed(
            attempt=attempt,
            root_cause=TITLES[best.cause],
            cause=best.cause,
            service=best.service,
            confidence=best.probability,
            hypotheses=hypotheses,
            evidence=evidence,
            missing=tuple(f"{k}: {v}"[:300] for k, v in sorted(seen.case.missing.items())),
            directive=Directive(
                id=f"{incident.repo}#{incident.number}/a{attempt}",
                verb="restart",
                target=best.service,
                observed=target.observed,
                undo=RESTART_UNDO,
            ),
        )
    )


def weigh(incident: Incident, case: Case) -> tuple[tuple[Hypothesis, ...], tuple[Evidence, ...]]:
    """Hypotheses, likeliest first, with "unknown" among them, and the evidence they cite.

    A hypothesis' weight is the sum of its clues; probabilities are the softmax over all of them and "unknown" at 0.
    """
    clues: dict[tuple[str, Cause], list[Clue]] = defaultdict(list)
    for analyst in ANALYSTS:
        for clue in analyst.analyse(incident, case):
            clues[clue.service, clue.cause].append(clue)
    weights = {key: sum(c.weight for c in found) for key, found in clues.items()}
    weights[incident.detected.service, "unknown"] = 0.0
    scale = max(weights.values())
    total = sum(math.exp(w - scale) for w in weights.values())
    ranked = sorted(weights, key=lambda key: (-weights[key], key))[:MOST_HYPOTHESES]
    cited: dict[str, Evidence] = {}
    hypotheses = []
    for n, (service, cause) in enumerate(ranked, 1):
        found = sorted(clues.get((service, cause), ()), key=lambda c: -c.weight)
        proofs = {e.id: e for c in found for e in c.evidence if len(cited) < MOST_EVIDENCE or e.id in cited}
        own = dict(list(proofs.items())[: min(MOST_CITED, MOST_EVIDENCE - len(cited)) if n > 1 else MOST_CITED])
        cited |= own
        hypotheses.append(
            Hypothesis(
                id=f"h{n}",
                service=service,
                cause=cause,
                probability=math.exp(weights[service, cause] - scale) / total,
                why="; ".join(dict.fromkeys(c.why for c in found))[:300] or "nothing above explains it",
                evidence=tuple(own),
            )
        )
    return tuple(hypotheses), tuple(cited.values())


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
            elif isinstance(entry.fact, Verified) and entry.fact.outcome == "unhealthy":
                count += same and recent
    return count


def _escalate(
    incident: Incident, seen: Seen, reason: str, hypotheses: tuple[Hypothesis, ...], evidence: tuple[Evidence, ...]
) -> Say:
    best = hypotheses[0]
    text = brief(
        incident,
        f"Likeliest: {TITLES[best.cause]} in {best.service} ({best.probability:.2f}).",
        f"Not available: {', '.join(seen.case.missing) or 'nothing'}.",
    )
    return Say(Escalated(reason=reason[:300], brief=text, hypotheses=hypotheses, evidence=evidence))


def _unknown(case: Case, best: Hypothesis) -> Stuck:
    lacking = ", ".join(f"{k} ({v})" for k, v in sorted(case.missing.items())) or "nothing was unreadable"
    found = (
        "no evidence speaks for any"
        if best.cause == "unknown" and best.probability > ENOUGH
        else f"the likeliest, {TITLES[best.cause]}, has probability {best.probability:.2f}"
    )
    reason = f"the cause is unknown: {found}; missing: {lacking}"
    return Stuck(reason=reason[:300], todo="Look at the service; /retry starts over, /escalate hands it on.")
