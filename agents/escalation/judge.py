"""Escalation's judgement: a permitted person's `jules-fix` escalates; the Brain's escalations are briefed already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.agent import Effect, Say
from shared.incident.brief import brief
from shared.incident.commands import RANK
from shared.incident.facts import Diagnosed, Escalated
from shared.incident.replay import Incident
from shared.incident.status import TRANSITIONS

LEAST: Final = RANK["write"]


@dataclass(frozen=True, slots=True)
class Seen:
    """Who put the label on, and what they may do, as GitHub said just now; None when it was no person."""

    login: str | None
    permission: str


def judge(incident: Incident, seen: Seen) -> Effect | None:
    """Escalated, when a person with write permission asked for it and the log has room."""
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


def _diagnosis(diagnosed: Diagnosed | None) -> tuple[str, ...]:
    if diagnosed is None:
        return ()
    return (f"Diagnosed: {diagnosed.root_cause} in {diagnosed.service} ({diagnosed.confidence:.2f}).",)
