"""Fixer's judgement: begin what is permitted, carry out what has begun, refuse what no longer holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.agent import Act, Effect, Later, Say
from shared.incident.facts import Began, Refused
from shared.incident.parts import Predicate
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.policy.model import Policy
from shared.policy.rules import Situation, rule

LOOK_AGAIN: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Seen:
    """GitHub's time, and the situation at the moment of use."""

    now: datetime
    situation: Situation


def judge(incident: Incident, seen: Seen, policy: Policy) -> Effect | None:
    """Began for an approved directive, then Act; Refused or Later when a rule fails now."""
    directive = incident.directive
    if directive is None:
        return None
    if incident.status is Status.FIXING:
        return Act(directive)
    if incident.status is not Status.APPROVED:
        return None
    expires = incident.permit_expires_at
    if expires is None or seen.now > expires:
        return Say(Refused(directive_id=directive.id, precondition="permit", detail="it expired before it was used"))
    verdict = rule(policy, directive, seen.situation)
    match verdict.outcome:
        case "veto" | "stale":
            return Say(refusal(directive.id, verdict.failed))
        case "wait":
            why = "; ".join(f"{p.name}: {p.detail}" for p in verdict.failed)
            return Later(seen.now + LOOK_AGAIN, why)
        case _:  # "needs-approval" was answered by the ruling or the person whose permit this is
            return Say(Began(directive_id=directive.id, directive_sha256=directive.digest))


def refusal(directive_id: str, failed: tuple[Predicate, ...]) -> Refused:
    """The refusal that names the first rule that failed, and all details."""
    detail = "; ".join(f"{p.name}: {p.detail}" for p in failed)
    return Refused(directive_id=directive_id, precondition=failed[0].name, detail=detail[:300])
