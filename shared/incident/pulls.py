"""Whether what is said of a pull request or a Tier-3 session speaks of the one that the log knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.incident.change import MergePull
from shared.incident.facts import Deployed, Merged, Planned, Proposed, Proved, Returned, Undone
from shared.incident.status import Status

if TYPE_CHECKING:
    from shared.incident.replay import Incident


def unbound(
    incident: Incident, fact: Proposed | Proved | Merged | Deployed | Undone | Planned | Returned
) -> str | None:
    """Why `fact` does not speak of what is in force; None when it does."""
    if isinstance(fact, Planned | Returned):
        session = incident.session
        if session is None or (session.backend, session.session) != (fact.backend, fact.session):
            return "speaks of another session"
        return None
    if isinstance(fact, Undone):
        held = incident.standing
        return None if held and held[0].directive_id == fact.directive_id else "takes back what does not stand"
    if incident.status is Status.ESCALATED:
        return _of_others(incident, fact)
    directive = incident.directive
    if directive is None or fact.directive_id != directive.id:
        return "speaks of another directive"
    if directive.change is None:
        return f"{directive.verb} makes no pull request"
    return _of_ours(incident, fact)


def _of_ours(incident: Incident, fact: Proposed | Proved | Merged | Deployed) -> str | None:
    """The order is proposed, proved, merged, deployed: each of the same pull request and commit."""
    way, directive = [e.fact for e in incident.way], incident.directive
    proposed = next((f for f in way if isinstance(f, Proposed)), None)
    proved = next((f for f in reversed(way) if isinstance(f, Proved)), None)
    merged = next((f for f in way if isinstance(f, Merged)), None)
    match fact:
        case Proposed():
            if proposed or isinstance(directive and directive.change, MergePull):
                return "there is a pull request for this directive"
            return None if directive and fact.base_sha == directive.base else "stands on another commit"
        case Proved():
            same = proposed and (fact.number, fact.head_sha) == (proposed.number, proposed.head_sha)
            return None if same and not proved else "proves another pull request"
        case Merged():
            change = directive.change if directive else None
            if merged or proved is None or (fact.number, fact.head_sha) != (proved.number, proved.head_sha):
                return "merges what was not proved"
            if isinstance(change, MergePull) and (change.number, change.head) != (fact.number, fact.head_sha):
                return "merges another pull request"
            return None
        case Deployed():
            return None if merged and merged.merge_sha == fact.sha else "another commit was merged"


def _of_others(incident: Incident, fact: Proposed | Proved | Merged | Deployed) -> str | None:
    if incident.session is None and not isinstance(fact, Proved):
        return "no session is at work"
    if isinstance(fact, Proved):
        seen = [e.fact for e in incident.firing if isinstance(e.fact, Proposed)]
        if not any((p.number, p.head_sha) == (fact.number, fact.head_sha) for p in seen):
            return "proves a pull request that was not proposed"
        if (directive := fact.directive) is None:
            return (
                None if fact.verdict == "refuted" else "a proved pull request of others needs a directive to merge it"
            )
        change = directive.change
        if not isinstance(change, MergePull) or (change.number, change.head) != (fact.number, fact.head_sha):
            return "the directive merges another pull request"
        return None if directive.id == fact.directive_id else "speaks of another directive"
    return None
