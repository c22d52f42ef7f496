"""Fixer's judgement: begin what is permitted, carry out what has begun, refuse what no longer holds, take back, and
close what nobody waits for any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from shared.agent import Act, Effect, Later, Say, Withdraw
from shared.incident.facts import Began, Commanded, Merged, Proposed, Proved, Refused, Stuck
from shared.incident.parts import Directive, Predicate
from shared.incident.replay import Incident
from shared.incident.situation import Silence, Situation
from shared.incident.status import Status
from shared.policy.model import Policy
from shared.policy.rules import rule
from shared.source import Pull

LOOK_AGAIN: Final = timedelta(seconds=2)
WAITS: Final = timedelta(seconds=5)
"""Between two looks at a pull request that waits for a person: one read of GitHub each."""


@dataclass(frozen=True, slots=True)
class Seen:
    """GitHub's time, the situation at the moment of use, the pull request that waits for a person, and one that nobody
    waits for any more and that is still open."""

    now: datetime
    situation: Situation | None
    pull: Pull | None = None
    overtaken: Proposed | None = None
    by_fleet: bool = False
    """Whether the pull request was merged by an account of the fleet's: no log takes that for a person's word."""
    silence: Silence | None = None
    """Of the services at stake."""


def judge(incident: Incident, seen: Seen, policy: Policy) -> Effect | None:
    """The next step of what is on its way; while there is none, Withdraw for what was overtaken."""
    effect = _next(incident, seen, policy) if goes_on(incident) else None
    if seen.overtaken is None or not (effect is None or isinstance(effect, Later)):
        return effect
    return _stopped(incident, seen) or Withdraw(seen.overtaken.number, seen.overtaken.head_sha)


def goes_on(incident: Incident) -> bool:
    """Whether a step may be due. A closed issue is over, unless its change is being seen through: "Fixes #N" in the
    pull request of somebody else closes it at the merge, before anything is deployed, maybe before the merge is noted.
    """
    match incident.status:
        case Status.UNDOING:
            return True
        case Status.NEEDS_APPROVAL:
            return proved(incident) is not None
        case Status.FIXING:
            return not incident.closed or _merged(incident)
        case status:
            return status is Status.APPROVED and not incident.closed


def proved(incident: Incident) -> Proved | None:
    """The pull request of the directive in force, ours or that of others, once it is proved."""
    return next((e.fact for e in incident.way if isinstance(e.fact, Proved)), None)


def _merged(incident: Incident) -> bool:
    return any(isinstance(e.fact, Merged) for e in incident.way)


def _next(incident: Incident, seen: Seen, policy: Policy) -> Effect | None:
    """Began for an approved directive, then Act; Refused or Later when a rule fails now."""
    if incident.status is Status.UNDOING:
        return _take_back(incident, seen)
    directive = incident.directive
    if directive is None:
        return None
    if incident.status is Status.FIXING:
        stopped = directive.change is not None and not _merged(incident) and _stopped(incident, seen)
        return stopped or Act(directive, incident)
    if incident.status is Status.NEEDS_APPROVAL:
        return _by_a_person(incident, directive, seen)
    if incident.status is not Status.APPROVED or seen.situation is None:
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


def _take_back(incident: Incident, seen: Seen) -> Effect | None:
    """Undo the change that stands; a freeze stops that too."""
    if incident.standing is None:
        return None
    said = (e.fact for e in reversed(incident.entries))
    led = next((f for f in said if not (isinstance(f, Commanded) and f.command == "silence")), None)
    why: Literal["ineffective", "commanded"] = "commanded" if isinstance(led, Commanded) else "ineffective"
    return _stopped(incident, seen) or Act(incident.standing[1], incident, why)


def _stopped(incident: Incident, seen: Seen) -> Later | None:
    """Later while a freeze, a hold or a silence stands: between the steps of a change there is always one more look."""
    if incident.frozen:
        return Later(seen.now + LOOK_AGAIN, "an open issue says sre:freeze, or the switch is unreadable")
    if incident.held:
        return Later(seen.now + LOOK_AGAIN, "label sre:hold")
    quiet = seen.silence
    return Later(seen.now + LOOK_AGAIN, f"silenced until {quiet.until:%H:%M:%S} UTC") if quiet else None


def _by_a_person(incident: Incident, directive: Directive, seen: Seen) -> Effect | None:
    """What a person did on GitHub to the pull request that waits for one. Looked at often: a merge that nobody has
    noted looks like a symptom that went away by itself."""
    pull = seen.pull
    if pull is None or (incident.closed and not pull.merged):
        return None
    if pull.open:
        return Later(seen.now + WAITS, f"pull request {pull.number} waits for a person")
    if not pull.merged:
        return Say(Stuck(reason=f"pull request {pull.number} was closed unmerged", todo="/retry to diagnose again."))
    if seen.by_fleet:
        return Say(
            Stuck(
                reason=f"pull request {pull.number} waits for a person and was merged by {pull.merged_by}, who is none",
                todo="Look at what was merged, then /retry.",
            )
        )
    shown = incident.last(Proved)
    if shown is None or pull.head_sha != shown.head_sha:
        return Say(
            Stuck(
                reason=f"pull request {pull.number} was merged at {pull.head_sha[:10]}, which is not what was proved",
                todo="Look at what was merged, then /retry.",
            )
        )
    return Say(
        Merged(
            directive_id=directive.id,
            number=pull.number,
            head_sha=pull.head_sha,
            merge_sha=pull.merge_sha or "",
            by=pull.merged_by or "",
        )
    )


def refusal(directive_id: str, failed: tuple[Predicate, ...]) -> Refused:
    """The refusal that names the first rule that failed, and all details."""
    detail = "; ".join(f"{p.name}: {p.detail}" for p in failed)
    return Refused(directive_id=directive_id, precondition=failed[0].name, detail=detail[:300])
