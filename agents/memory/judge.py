"""Memory's judgement: the account of a fixed incident in numbers from its log, then the end of the issue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.agent import Close, Effect, Later, Say
from shared.incident.episodes import Episode, episodes
from shared.incident.facts import (
    Applied,
    Began,
    Commanded,
    Detected,
    Diagnosed,
    Escalated,
    Learned,
    Merged,
    Refused,
    Stuck,
    Verified,
)
from shared.incident.replay import Entry, Incident
from shared.incident.status import Status

PATIENCE: Final = timedelta(seconds=15)
"""How long an issue that was opened again may stand open: who opens it is about to write why."""
ANSWERS: Final = (Diagnosed, Escalated, Stuck, Commanded)
"""Facts by which somebody has taken it up."""


@dataclass(frozen=True, slots=True)
class Seen:
    """GitHub's time, since when this process has seen the ended issue open, and earlier incidents in the window.

    `again`: this process has seen the issue closed at this very end."""

    now: datetime
    ended_since: datetime
    earlier: tuple[Incident, ...]
    window: timedelta
    again: bool = False


def judge(incident: Incident, seen: Seen) -> Effect | None:
    """Learned on a fixed incident; Close on one whose log has ended."""
    if incident.status is Status.CLOSED:
        return None if incident.closed else _close(incident, seen)
    if incident.status is not Status.FIXED:
        return None
    return Say(account(incident, seen))


def _close(incident: Incident, seen: Seen) -> Effect:
    """Close at once what has just ended. One that is open again, or later, was reopened: by a person, or by
    who will say a new firing or somebody's /undo."""
    just_ended = not seen.again and seen.now - incident.entries[-1].posted_at < PATIENCE
    if just_ended or seen.now - seen.ended_since >= PATIENCE:
        return Close()
    return Later(seen.ended_since + PATIENCE, "reopened: why may be about to be written")


def account(incident: Incident, seen: Seen) -> Learned:
    """The numbers of the newest firing. Durations between signers' stamps, in seconds."""
    firing = incident.firing
    detected = next(e for e in firing if isinstance(e.fact, Detected))
    verified = _first(firing, Verified, last=True)
    began = _first(firing, Began)
    since = incident.detected.since
    past = [e for i in seen.earlier if i.number != incident.number for e in episodes(i)]
    now, *before = reversed(episodes(incident))
    alike = [e for e in (*past, *before) if _alike(e, now)]
    earlier = tuple(sorted({e.issue for e in alike if e.issue != incident.number}))
    outcomes = [e.fact.outcome for e in firing if isinstance(e.fact, Verified)]
    return Learned(
        time_to_detect_s=_seconds(since, detected),
        time_to_acknowledge_s=_seconds(since, next((e for e in firing if isinstance(e.fact, ANSWERS)), None)),
        time_to_act_s=_seconds(since, began),
        time_to_recover_s=_recovered(since, verified),
        actions=sum(isinstance(e.fact, Applied | Merged) for e in firing),
        refusals=sum(isinstance(e.fact, Refused) for e in firing),
        ineffective=outcomes.count("unhealthy") + outcomes.count("ineffective"),
        recurrences=len(alike),
        earlier=earlier[-20:],
    )


def _alike(one: Episode, other: Episode) -> bool:
    """The same symptom of the same service, or the same cause in the same service."""
    same_cause = one.cause != "unknown" and (one.service, one.cause) == (other.service, other.cause)
    return one.fingerprint == other.fingerprint or same_cause


def _first(entries: tuple[Entry, ...], kind: type, last: bool = False) -> Entry | None:
    found = [e for e in entries if isinstance(e.fact, kind)]
    return (found[-1] if last else found[0]) if found else None


def _seconds(since: datetime, entry: Entry | None) -> float | None:
    return round(max((entry.at - since).total_seconds(), 0.0), 3) if entry is not None else None


def _recovered(since: datetime, verified: Entry | None) -> float | None:
    """Until the patient was healthy, not until that had held long enough to say so."""
    if verified is None or not isinstance(verified.fact, Verified):
        return None
    return round(max((verified.at - since).total_seconds() - verified.fact.held_s, 0.0), 3)
