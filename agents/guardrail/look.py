"""What Guardrail reads: unanswered commands, their authors' permissions, containers, the fleet's actions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog

from agents.guardrail.judge import Seen, Spoken, judge
from shared.agent import Effect
from shared.incident.commands import ANSWERS, Command, Mistyped, mistyped, parse
from shared.incident.episodes import episodes
from shared.incident.facts import AnyFact, Applied, Commanded, Deployed, Diagnosed, Merged, Proved, Verified
from shared.incident.parts import Cause, Directive
from shared.incident.record import Role
from shared.incident.replay import Incident
from shared.incident.silence import about, silence
from shared.incident.situation import MOST_ACTIONS, MOST_GAPS, Action, Silence, Situation, Standing
from shared.incident.status import Status
from shared.incident.ticks import Tick
from shared.policy.model import Policy
from shared.ports import Engine, Issues, Past, People, Permanent, Transient
from shared.recall.trust import Rung, standing
from shared.source import Source

log = structlog.get_logger()
MOST_COMMANDS = 20
"""Unanswered commands looked at together, the newest ones."""
MOST_SLIPS = 3
SLIPS_WITHIN = timedelta(minutes=10)
"""An older comment that was nearly a command is left as it is: whoever wrote it has noticed."""
ACTING = frozenset((Status.APPROVED, Status.FIXING, Status.VERIFYING, Status.UNDOING))


class Guardrail:
    """Fulfils `shared.agent.Agent`. A comment is answered once: by a fact, or by a comment that names it."""

    role: Role = "guardrail"

    def __init__(
        self,
        engine: Engine,
        issues: Issues,
        people: People,
        past: Past,
        policy: Policy,
        source: Source | None = None,
        horizon: Callable[[], tuple[Incident, ...]] = tuple,
        ticks: Callable[[], tuple[Tick, ...]] | None = None,
    ) -> None:
        """`source`: the repository, for changes of it; without it they are out of date from the start. `horizon`: the
        incidents of a long time back, of which a minute may be missing. `ticks`: boxes that people ticked on the
        fleet's own issue, where somebody keeps it."""
        self._horizon = horizon
        self._ticks = ticks
        self._source = source
        self._engine = engine
        self._issues = issues
        self._people = people
        self._past = past
        self._policy = policy

    def concerns(self, incident: Incident) -> bool:
        if incident.status is Status.DIAGNOSED and not incident.closed:
            return True
        return bool(self._unanswered(incident) or self._slips(incident) or self._waits(incident))

    def look(self, incident: Incident) -> Seen:
        """Raises Transient when actions or permissions cannot be read: without them there is no ruling."""
        now = self._issues.now()
        commands = self._unanswered(incident)[-MOST_COMMANDS:]
        slips = self._slips(incident)[-MOST_SLIPS:]
        boxes = self._ticked(incident, now)
        logins = {said.login for said in (*commands, *boxes)} | {s.login for s in slips}
        permissions = {login: self._people.permission(login) for login in logins}
        spoken = tuple(Spoken(c, permissions[c.login]) for c in commands)
        situation = self._situation(incident, now) if incident.status is Status.DIAGNOSED else None
        approving = bool(boxes) or any(c.name == "approve" for c in commands)
        return Seen(
            now,
            spoken,
            situation,
            self._silence(incident, now) if approving else None,
            tuple((slip, permissions[slip.login]) for slip in slips),
            tuple(Spoken(box, permissions[box.login]) for box in boxes),
        )

    def judge(self, incident: Incident, seen: Seen) -> Effect | None:
        return judge(incident, seen, self._policy)

    def _unanswered(self, incident: Incident) -> list[Command]:
        counted = {c.comment_id for c in incident.all(Commanded)} | incident.answered
        said = (parse(comment)[:1] for comment in incident.words if comment.id not in counted)
        return [command for found in said for command in found if ANSWERS[command.name] == self.role]

    def _waits(self, incident: Incident) -> str | None:
        """The digest of what waits for a person here, where a box may stand beside it."""
        if self._ticks is None or incident.closed:
            return None
        if incident.status is Status.ESCALATED:
            return incident.plan.plan_sha256 if incident.plan is not None else None
        waits = incident.status is Status.NEEDS_APPROVAL and incident.directive is not None
        return incident.directive.digest if waits and incident.directive is not None else None

    def _ticked(self, incident: Incident, now: datetime) -> list[Command]:
        """Boxes ticked of late beside exactly what waits here. An approval from long ago is none."""
        about, ticks = self._waits(incident), self._ticks
        if about is None or ticks is None:
            return []
        try:
            told = ticks()
        except (Transient, Permanent) as failure:  # a comment still counts
            log.warning("who ticked a box cannot be read", why=str(failure))
            return []
        late = now - self._policy.limits.approval_holds_for
        return [
            Command("approve", (), t.login, 0, t.sha256, t.edit)
            for t in told
            if t.number == incident.number and about.startswith(t.about) and t.at >= late
        ]

    def _slips(self, incident: Incident) -> list[Mistyped]:
        """What was nearly a command, of late."""
        now = self._issues.now()
        fresh = (c for c in incident.words if c.id not in incident.answered and now - c.created_at < SLIPS_WITHIN)
        return [slip for comment in fresh if (slip := mistyped(comment)) is not None]

    def _silence(self, incident: Incident, now: datetime) -> Silence | None:
        """As all logs of the longest time that a silence may last say now. Raises Transient."""
        others = self._past.recent(self._policy.limits.silence_at_most, besides=incident.number)
        return silence((*others, incident), about(incident), now)

    def _situation(self, incident: Incident, now: datetime) -> Situation:
        directive = incident.directive
        if directive is None:
            raise Permanent("a diagnosed incident without a directive")
        containers = {c.name: c for c in self._engine.managed()}
        target = containers.get(directive.target)
        others = self._past.recent(self._policy.limits.window, besides=incident.number)
        cause = against(incident)
        return Situation(
            now=now,
            frozen=incident.frozen,
            held=incident.held,
            gaps=incident.gaps[:MOST_GAPS],
            observed=target.observed if target else None,
            managed=target is not None and target.managed,
            confidence=confidence(incident),
            uncited=uncited(incident.way[0].fact),
            actions=newest((a for i in (*others, incident) for a in actions(i)), self._policy),
            acting_elsewhere=sum(i.status in ACTING and not i.closed for i in others),
            healthy={
                c.name: c.running and c.health in (None, "healthy", "starting")
                for c in containers.values()
                if c.name != directive.target
            },
            head=self._source.head() if self._source is not None and directive.change is not None else None,
            cause=cause,
            standing=self._standing(incident, others, Rung(directive.target, cause, directive.verb), now),
            silence=self._silence(incident, now),
        )

    def _standing(self, incident: Incident, others: tuple[Incident, ...], rung: Rung, now: datetime) -> Standing:
        """Of this verb against this cause in this service, as fresh logs and old ones say."""
        logs = {i.number: i for i in (*self._horizon(), *others, incident)}
        past = (e for i in logs.values() if i.is_incident for e in episodes(i))
        return standing(past, rung, now - self._policy.trust.horizon)


def against(incident: Incident) -> Cause:
    """The cause that the directive in force is against, as diagnosed."""
    diagnosed = next((e.fact for e in reversed(incident.firing) if isinstance(e.fact, Diagnosed)), None)
    return diagnosed.cause if diagnosed is not None else "unknown"


def newest(done: Iterable[Action], policy: Policy) -> tuple[Action, ...]:
    """The newest actions, oldest first: as many as are frozen, and never so few that a budget seems unspent."""
    most = max(MOST_ACTIONS, policy.limits.actions_in_all, policy.limits.actions_per_service)
    return tuple(sorted(done, key=lambda a: a.at)[-most:])


def confidence(incident: Incident) -> float:
    """Of the diagnosis; of somebody else's pull request, whether it is proved."""
    given = incident.way[0].fact
    if isinstance(given, Diagnosed):
        return given.confidence
    return 1.0 if isinstance(given, Proved) and given.verdict == "proved" else 0.0


def uncited(diagnosed: AnyFact) -> tuple[str, ...]:
    """Evidence ids that the leading hypothesis names and the fact does not hold; "none" when it names no evidence.

    A proof cites the commit it was made of, nothing else.
    """
    if not isinstance(diagnosed, Diagnosed):
        return ()
    held = {e.id for e in diagnosed.evidence}
    leading = diagnosed.hypotheses[0] if diagnosed.hypotheses else None
    if leading is None or not leading.evidence:
        return ("none",)
    return tuple(e for e in leading.evidence if e not in held)


def actions(incident: Incident) -> tuple[Action, ...]:
    """What the fleet did in one incident, and whether it is verified to have helped."""
    found: list[Action] = []
    verb, target = "restart", ""
    for entry in incident.entries:
        match entry.fact:
            case Diagnosed(directive=directive) | Proved(directive=Directive() as directive):
                verb, target = directive.verb, directive.target
            case Applied() | Merged():
                found.append(Action(target=target, verb=verb, at=entry.posted_at))
            case Deployed(outcome="failed") if found and found[-1].effective is None:
                found[-1] = found[-1].model_copy(update={"effective": False})
            case Verified(outcome=outcome) if found and found[-1].effective is None and outcome != "recovered":
                found[-1] = found[-1].model_copy(update={"effective": outcome == "healthy"})
            case _:
                pass
    return tuple(found)
