"""What Fixer reads at the moment of use: the target itself, the switch, and its own ledger of what was really done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from agents.fixer.judge import Seen, goes_on, judge, proved
from agents.fixer.overtaken import as_proposed, overtaken
from shared.agent import Effect
from shared.incident.facts import Proposed
from shared.incident.record import Role
from shared.incident.replay import Incident
from shared.incident.silence import about, silence
from shared.incident.situation import Action, Silence, Situation
from shared.incident.status import Status
from shared.policy.model import Policy
from shared.ports import Hands, Issues, Permanent
from shared.source import Pull, Source

RecentActions = Callable[[str, timedelta], tuple[datetime, ...]]
"""(target, window) -> when this host really acted on it."""


class Fixer:
    """Fulfils `shared.agent.Agent`."""

    role: Role = "fixer"

    def __init__(
        self,
        hands: Hands,
        issues: Issues,
        recent: RecentActions,
        policy: Policy,
        source: Source | None = None,
        fleet: frozenset[str] = frozenset(),
        horizon: Callable[[], tuple[Incident, ...]] = tuple,
    ) -> None:
        """`source`: the repository, where changes of it are the Fixer's too; `fleet`: logins that are no persons.

        `horizon`: other incidents, of which a minute may be missing, for the silences that stand on them."""
        self._horizon = horizon
        self._hands = hands
        self._source = source
        self._fleet = fleet
        self._issues = issues
        self._recent = recent
        self._policy = policy
        self._settled: set[int] = set()
        """Pull requests that were overtaken and are not to be closed (any more). It only spares questions."""

    def concerns(self, incident: Incident) -> bool:
        return goes_on(incident) or any(p.number not in self._settled for p in overtaken(incident))

    def look(self, incident: Incident) -> Seen:
        now, over = self._issues.now(), self._overtaken(incident)
        quiet = self._silence(incident, now)
        if not goes_on(incident) or incident.status in (Status.FIXING, Status.UNDOING):
            return Seen(now, None, overtaken=over, silence=quiet)
        if incident.status is Status.NEEDS_APPROVAL:
            pull = self._waiting(incident)
            return Seen(now, None, pull, over, pull is not None and pull.merged_by in self._fleet, quiet)
        directive = incident.directive
        if directive is None:
            raise Permanent("an approved incident without a directive")
        try:
            target = self._hands.inspect(directive.target)
        except Permanent:
            target = None
        done = tuple(
            Action(target=name, verb=directive.verb, at=at)
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
            silence=quiet,
        )
        return Seen(now, situation, overtaken=over, silence=quiet)

    def _silence(self, incident: Incident, now: datetime) -> Silence | None:
        """Of the services at stake, as this log says now and the others said a minute ago."""
        others = {i.number: i for i in (*self._horizon(), incident)}
        standing = [incident.standing[1].target] if incident.standing else []
        return silence(others.values(), (*about(incident), *standing), now)

    def _waiting(self, incident: Incident) -> Pull | None:
        """The pull request that waits for a person, as GitHub has it now."""
        fact = proved(incident)
        return self._source.pull(fact.number) if self._source is not None and fact is not None else None

    def _overtaken(self, incident: Incident) -> Proposed | None:
        """The first that is still to be closed; those that are not are asked for once in a process."""
        source = self._source
        for one in overtaken(incident):
            if one.number in self._settled or source is None:
                continue
            if as_proposed(source.pull(one.number), one.head_sha) and not source.was_closed(one.number):
                return one
            self._settled.add(one.number)
        return None

    def judge(self, incident: Incident, seen: Seen) -> Effect | None:
        return judge(incident, seen, self._policy)
