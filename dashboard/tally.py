"""What the logs add up to: budgets, trust, and how long things took, day by day. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import fmean
from typing import Final

from dashboard.shapes import Budget, Day, TrustRow
from shared.incident.episodes import Episode, episodes
from shared.incident.facts import Applied, Diagnosed, Learned, Merged, Proved
from shared.incident.parts import Directive
from shared.incident.replay import Incident
from shared.policy.model import Policy
from shared.recall.grants import decides
from shared.recall.trust import standings

DAYS: Final = 14


@dataclass(frozen=True, slots=True)
class Past:
    """What is kept of an incident's log for counting: small, so that a month of them fits. Times are GitHub's."""

    number: int
    updated_at: datetime
    episodes: tuple[Episode, ...]
    learned: tuple[tuple[datetime, Learned], ...]
    actions: tuple[tuple[str, datetime], ...]
    """(target, when): what was done to the world."""


def past_of(incident: Incident) -> Past:
    learned = tuple((e.posted_at, e.fact) for e in incident.entries if isinstance(e.fact, Learned))
    updated = incident.entries[-1].posted_at if incident.entries else datetime.min.replace(tzinfo=UTC)
    return Past(incident.number, updated, episodes(incident), learned, tuple(_actions(incident)))


def _actions(incident: Incident) -> Iterable[tuple[str, datetime]]:
    """Restarts and merged changes, as Guardrail counts them."""
    target = ""
    for entry in incident.entries:
        match entry.fact:
            case Diagnosed(directive=directive) | Proved(directive=Directive() as directive):
                target = directive.target
            case Applied() | Merged():
                yield target, entry.posted_at
            case _:
                pass


def budgets(past: Iterable[Past], policy: Policy, at: datetime) -> list[Budget]:
    """The fleet's first, then each service's that the policy lists. Actions within the policy's window before `at`."""
    limits, window = policy.limits, policy.limits.window
    recent = [target for one in past for target, when in one.actions if at - window < when <= at]
    used = Counter(recent)
    said = "restarts and merged changes in the log"
    seconds = window.total_seconds()
    return [
        Budget(
            name="all services",
            used=len(recent),
            of=limits.actions_in_all,
            window_s=seconds,
            scope="fleet",
            detail=said,
        ),
        *(
            Budget(
                name=name,
                used=used[name],
                of=limits.actions_per_service,
                window_s=seconds,
                scope="service",
                detail=said,
            )
            for name in sorted({*policy.services, *used} - {""})
        ),
    ]


def trust(past: Iterable[Past], policy: Policy, at: datetime) -> list[TrustRow]:
    """Every rung that was tried within the policy's horizon; `standing` says who decides about it now."""
    known = standings((e for one in past for e in one.episodes if e.at <= at), at - policy.trust.horizon)
    return [
        TrustRow(
            service=rung.service,
            cause=rung.cause,
            verb=rung.verb,
            standing=decides(rung, stands, policy),
            helped=stands.successes,
            failed=stands.failures,
            undone=stands.undone,
        )
        for rung, stands in known.items()
    ]


def days(past: Iterable[Past], at: datetime) -> list[Day]:
    """The last DAYS days up to `at`, oldest first, UTC: from the closing accounts alone."""
    told: dict[date, list[Learned]] = {}
    for one in past:
        for when, account in one.learned:
            if when <= at:
                told.setdefault(when.astimezone(UTC).date(), []).append(account)
    today = at.astimezone(UTC).date()
    return [_day(day, told.get(day, [])) for day in (today - timedelta(days=n) for n in range(DAYS - 1, -1, -1))]


def _day(day: date, accounts: list[Learned]) -> Day:
    def mean(of: Callable[[Learned], float | None]) -> float | None:
        known = [value for account in accounts if (value := of(account)) is not None]
        return round(fmean(known), 3) if known else None

    return Day(
        day=day.isoformat(),
        closed=len(accounts),
        mttd_s=mean(lambda a: a.time_to_detect_s),
        mtta_s=mean(lambda a: a.time_to_acknowledge_s),
        mttr_s=mean(lambda a: a.time_to_recover_s),
    )
