"""What each firing of an incident came to: the actions in order, and what was verified of each. A fold over its facts.

Nothing counts that no signed fact says: an action without a verdict is `unknown`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final, Literal

from shared.incident.facts import (
    Applied,
    Commanded,
    Deployed,
    Detected,
    Diagnosed,
    Dispatched,
    Learned,
    Merged,
    Proved,
    Refused,
    Ruled,
    Undone,
    Verified,
)
from shared.incident.parts import Cause, Directive, Symptom, Verb
from shared.incident.replay import Entry, Incident

Result = Literal["worked", "failed", "undone", "refused", "refuted", "denied", "unknown"]
"""worked, failed: as Scout verified after it was done. undone: done and taken back. refused: its precondition did not
hold, so it was not done. refuted: its proof failed. denied: policy or a person said no. unknown: none of these."""
JUDGED: Final[frozenset[Result]] = frozenset(("worked", "failed", "undone"))
"""Results of what was done."""
Ending = Literal["worked", "recovered", "unresolved", "open"]
"""worked: verified healthy after an action. recovered: by itself. unresolved: closed otherwise, or taken back."""


@dataclass(frozen=True, slots=True)
class Try:
    """One directive and what came of it. `digest`: of the fact that says so, or of the last one about it."""

    directive: Directive
    service: str
    cause: Cause
    result: Result
    at: datetime
    digest: str
    by_person: bool = False
    """Whether a person approved it, or merged it."""
    by: str = "fleet"
    """Who made the change: the fleet, or a Tier-3 backend."""

    @property
    def verb(self) -> Verb:
        return self.directive.verb


@dataclass(frozen=True, slots=True)
class Episode:
    """One firing, from 1 in its issue. `service` and `cause` are those of its last diagnosis."""

    issue: int
    firing: int
    url: str
    fingerprint: str
    symptom: Symptom
    detected: str
    """The service it was seen on."""
    summary: str
    service: str
    cause: Cause
    since: datetime
    at: datetime
    """GitHub's time of its last fact."""
    tries: tuple[Try, ...]
    ending: Ending
    digest: str
    """Of its last fact."""

    @property
    def ended(self) -> bool:
        return self.ending != "open"

    @property
    def name(self) -> str:
        """`incident-42-1`."""
        return f"incident-{self.issue}-{self.firing}"


def episodes(incident: Incident) -> tuple[Episode, ...]:
    """Every firing, oldest first; none on an issue without facts."""
    return tuple(_episode(incident, n, entries) for n, entries in enumerate(firings(incident), 1))


def firings(incident: Incident) -> tuple[tuple[Entry, ...], ...]:
    """The log cut at each Detected, oldest first."""
    starts = [n for n, e in enumerate(incident.entries) if isinstance(e.fact, Detected)]
    return tuple(incident.entries[start:end] for start, end in pairwise((*starts, len(incident.entries))))


def tries(entries: Sequence[Entry]) -> tuple[Try, ...]:
    """The directives of one firing, in order."""
    found: list[Try] = []
    diagnosed: Diagnosed | None = None
    backend, asked = "fleet", False
    for entry in entries:
        fact = entry.fact
        match fact:
            case Diagnosed():
                diagnosed, asked = fact, False
                found.append(_new(entry, fact.directive, fact.service, fact.cause, "fleet"))
            case Dispatched():
                backend = fact.backend
            case Proved(directive=Directive() as directive):
                about = diagnosed.service if diagnosed else directive.target
                found.append(_new(entry, directive, about, diagnosed.cause if diagnosed else "unknown", backend))
            case _ if found:
                asked = asked or (isinstance(fact, Proved) and fact.merge == "person")
                approved = isinstance(fact, Commanded) and fact.command == "approve"
                if approved or (asked and isinstance(fact, Merged)):
                    found[-1] = replace(found[-1], by_person=True)
                found[-1] = _told(found[-1], entry)
            case _:
                pass
    return tuple(found)


def _new(entry: Entry, directive: Directive, service: str, cause: Cause, by: str) -> Try:
    return Try(directive, service, cause, "unknown", entry.posted_at, entry.digest, by=by)


def _told(last: Try, entry: Entry) -> Try:
    """What `entry` says of the try before it."""
    result: Result | None = None
    match entry.fact:
        case Applied() | Merged():
            result = "unknown"
        case Commanded(command="deny") | Ruled(ruling="veto"):
            result = "denied"
        case Refused():
            result = "refused"
        case Proved(verdict="refuted"):
            result = "refuted"
        case Deployed(outcome="failed") | Verified(outcome="unhealthy" | "ineffective"):
            result = "failed"
        case Verified(outcome="healthy"):
            result = "worked"
        case Undone():
            result = "undone"
        case _:
            pass
    return last if result is None else replace(last, result=result, at=entry.posted_at, digest=entry.digest)


def _episode(incident: Incident, number: int, entries: tuple[Entry, ...]) -> Episode:
    opened = entries[0].fact
    if not isinstance(opened, Detected):
        raise TypeError(opened)
    said = [e.fact for e in entries if isinstance(e.fact, Diagnosed)]
    service, cause = (said[-1].service, said[-1].cause) if said else (opened.service, "unknown")
    return Episode(
        issue=incident.number,
        firing=number,
        url=incident.url,
        fingerprint=opened.fingerprint,
        symptom=opened.symptom,
        detected=opened.service,
        summary=opened.summary,
        service=service,
        cause=cause,
        since=opened.since,
        at=entries[-1].posted_at,
        tries=tries(entries),
        ending=verdict(entries) if any(isinstance(e.fact, Learned) for e in entries) else "open",
        digest=entries[-1].digest,
    )


def verdict(entries: Sequence[Entry]) -> Literal["worked", "recovered", "unresolved"]:
    """How one firing stands, as Scout verified it last."""
    for entry in reversed(entries):
        match entry.fact:
            case Undone():
                return "unresolved"
            case Verified(outcome="healthy"):
                return "worked"
            case Verified(outcome="recovered"):
                return "recovered"
            case _:
                pass
    return "unresolved"
