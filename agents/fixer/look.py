"""What Fixer reads at the moment of use: the target itself, the switch, and its own ledger of what was really done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from agents.fixer.judge import Seen, judge
from shared.agent import Effect
from shared.incident.facts import Merged, Proved
from shared.incident.record import Role
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.policy.model import Policy
from shared.policy.rules import Action, Situation
from shared.ports import Hands, Issues, Permanent
from shared.source import Pull, Source

RecentActions = Callable[[str, timedelta], tuple[datetime, ...]]
"""(target, window) -> when this host really acted on it."""


class Fixer:
    """Fulfils `shared.agent.Agent`."""

    role: Role = "fixer"

    def __init__(
        self, hands: Hands, issues: Issues, recent: RecentActions, policy: Policy, source: Source | None = None
    ) -> None:
        """`source`: the repository, where changes of it are the Fixer's too."""
        self._hands = hands
        self._source = source
        self._issues = issues
        self._recent = recent
        self._policy = policy

    def concerns(self, incident: Incident) -> bool:
        if incident.status is Status.UNDOING:
            return True
        waits = incident.status is Status.NEEDS_APPROVAL and _proved(incident) is not None
        if incident.status is Status.FIXING and any(isinstance(e.fact, Merged) for e in incident.way):
            return True  # "Fixes #N" in somebody else's pull request closes the issue at the merge, before it is over
        return (waits or incident.status in (Status.APPROVED, Status.FIXING)) and not incident.closed

    def look(self, incident: Incident) -> Seen:
        now = self._issues.now()
        if incident.status is Status.NEEDS_APPROVAL:
            return Seen(now, None, self._waiting(incident))
        if incident.status is not Status.APPROVED:
            return Seen(now, None)
        directive = incident.directive
        if directive is None:
            raise Permanent("an approved incident without a directive")
        try:
            target = self._hands.inspect(directive.target)
        except Permanent:
            target = None
        done = tuple(
            Action(name, directive.verb, at, None)
            for name in self._policy.services
            for at in self._recent(name, self._policy.limits.window)
        )
        situation = Situation(
            now=now,
            frozen=incident.frozen,
            held=incident.held,
            gaps=incident.gaps,
            observed=target.observed if target else None,
            managed=target is not None and target.managed,
            confidence=1.0,  # judged by Guardrail on the diagnosis; a permit is in force
            uncited=(),
            actions=done,
            acting_elsewhere=0,  # judged by Guardrail, which sees all incidents
            healthy={},
            head=self._source.head() if self._source is not None and directive.change is not None else None,
        )
        return Seen(now, situation)

    def _waiting(self, incident: Incident) -> Pull | None:
        """The pull request that waits for a person, as GitHub has it now."""
        proved = _proved(incident)
        return self._source.pull(proved.number) if self._source is not None and proved is not None else None

    def judge(self, incident: Incident, seen: Seen) -> Effect | None:
        return judge(incident, seen, self._policy)


def _proved(incident: Incident) -> Proved | None:
    """The pull request of the directive in force, ours or that of others, once it is proved."""
    return next((e.fact for e in incident.way if isinstance(e.fact, Proved)), None)
