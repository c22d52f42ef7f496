"""How the fleet has fared: mean times and counts over closed firings, from their accounts alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from shared.incident.episodes import Episode, episodes
from shared.incident.facts import Learned
from shared.incident.postmortem import accounts
from shared.incident.replay import Incident


@dataclass(frozen=True, slots=True)
class Fared:
    """Of one service, or of all (`service` ""). Means in seconds from the onset, None where nothing was measured."""

    service: str
    firings: int
    worked: int
    """Ended by an action, as verified."""
    recovered: int
    """Ended without one."""
    mttd_s: float | None
    """Mean time to detect."""
    mtta_s: float | None
    """Mean time to acknowledge: until the fleet or a person has said something about it."""
    mttr_s: float | None
    """Mean time to recover: until the patient was healthy, not until that had held."""
    actions: int
    refusals: int
    ineffective: int


def fared(incidents: Iterable[Incident], since: datetime) -> tuple[Fared, ...]:
    """All together first, then each service that was diagnosed (or seen) in trouble, by name."""
    closed: list[tuple[Episode, Learned]] = []
    for incident in incidents:
        told = {e.firing: e for e in episodes(incident)}
        closed += [(told[n], account) for n, account in accounts(incident) if told[n].at >= since]
    services = sorted({e.service for e, _ in closed})
    return (
        _fared("", closed),
        *(_fared(name, [pair for pair in closed if pair[0].service == name]) for name in services),
    )


def _fared(service: str, closed: list[tuple[Episode, Learned]]) -> Fared:
    def mean(of: Callable[[Learned], float | None]) -> float | None:
        known = [value for _, account in closed if (value := of(account)) is not None]
        return round(fmean(known), 3) if known else None

    return Fared(
        service=service,
        firings=len(closed),
        worked=sum(e.ending == "worked" for e, _ in closed),
        recovered=sum(e.ending == "recovered" for e, _ in closed),
        mttd_s=mean(lambda a: a.time_to_detect_s),
        mtta_s=mean(lambda a: a.time_to_acknowledge_s),
        mttr_s=mean(lambda a: a.time_to_recover_s),
        actions=sum(a.actions for _, a in closed),
        refusals=sum(a.refusals for _, a in closed),
        ineffective=sum(a.ineffective for _, a in closed),
    )
