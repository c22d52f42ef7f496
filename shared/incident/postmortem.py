"""The post-mortem of one firing, from its facts alone: what happened, what was tried, what the fleet got wrong.

Blameless: it names roles, actions and commits, never whose fault it was. People stand in the timeline because what they
decided is part of what happened. A model's words are marked as such, and nothing rests on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.incident.episodes import Ending, Episode, Try, episodes, firings, verdict
from shared.incident.evidence import one_line
from shared.incident.facts import (
    Advised,
    AnyFact,
    Commanded,
    Detected,
    Diagnosed,
    Escalated,
    Learned,
    Merged,
    Refused,
    Ruled,
    Stuck,
    Verified,
)
from shared.incident.parts import Evidence, Measure
from shared.incident.replay import Entry, Incident
from shared.incident.story import headline

DONE: Final = frozenset(("worked", "failed", "undone"))
RESULT: Final = {
    "worked": "helped, as verified",
    "failed": "did not help, as verified",
    "undone": "did not help and was taken back",
    "refused": "was not done: its precondition did not hold",
    "refuted": "was not merged: its proof failed",
    "denied": "was not done: it was not allowed",
    "unknown": "nothing was verified of it",
}
"""What is said of each result."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline. `who`: a role of the fleet, or a person's login."""

    at: datetime
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class PostMortem:
    """Texts that may hold words of the world: who shows them escapes them."""

    episode: Episode
    ending: Ending
    severity: str
    root_cause: str
    confidence: float | None
    measures: tuple[Measure, ...]
    timeline: tuple[Moment, ...]
    evidence: tuple[Evidence, ...]
    tried: tuple[str, ...]
    worked: tuple[str, ...]
    wrong: tuple[str, ...]
    follow_ups: tuple[str, ...]
    model: tuple[tuple[str, str], ...]
    """(the model's name, its sentence)."""
    account: Learned | None
    """None: it is not closed, this is the post-mortem so far."""


def postmortem(incident: Incident, account: Learned | None, firing: int | None = None) -> PostMortem:
    """Of one firing (from 1), the newest one where none is named. Raises LookupError where there is none."""
    told = episodes(incident)
    number = len(told) if firing is None else firing
    if not 1 <= number <= len(told):
        raise LookupError(f"issue {incident.number} has no firing {number}")
    entries = firings(incident)[number - 1]
    opened = entries[0].fact
    if not isinstance(opened, Detected):
        raise LookupError(f"issue {incident.number} begins with something else")
    episode = told[number - 1]
    diagnosed = next((e.fact for e in reversed(entries) if isinstance(e.fact, Diagnosed)), None)
    verified = next((e.fact for e in reversed(entries) if isinstance(e.fact, Verified)), None)
    return PostMortem(
        episode=episode,
        ending=verdict(entries),
        severity=opened.severity,
        root_cause=diagnosed.root_cause if diagnosed else "unknown",
        confidence=diagnosed.confidence if diagnosed else None,
        measures=(*opened.measures, *(verified.measures if verified else ())),
        timeline=tuple(Moment(e.posted_at, _who(e), one_line(headline(e.fact))) for e in entries),
        evidence=_evidence(entries),
        tried=tuple(_tried(t) for t in episode.tries),
        worked=tuple(_named(t) for t in episode.tries if t.result == "worked"),
        wrong=tuple(dict.fromkeys(_wrong(entries, episode))),
        follow_ups=tuple(dict.fromkeys(_follow_ups(entries, episode, account))),
        model=tuple((e.fact.model, s.text) for e in entries if isinstance(e.fact, Advised) for s in e.fact.narrative),
        account=account,
    )


def accounts(incident: Incident) -> tuple[tuple[int, Learned], ...]:
    """The closing account of each firing that has one, with the firing's number."""
    cut = enumerate(firings(incident), 1)
    return tuple((n, e.fact) for n, entries in cut for e in entries if isinstance(e.fact, Learned))


def _who(entry: Entry) -> str:
    match entry.fact:
        case Commanded(login=login):
            return login
        case Merged(by=login) if login:
            return login
        case _:
            return entry.by


def _evidence(entries: tuple[Entry, ...]) -> tuple[Evidence, ...]:
    held: dict[str, Evidence] = {}
    for entry in entries:
        for one in getattr(entry.fact, "evidence", ()):
            held.setdefault(one.id, one)
    return tuple(held.values())


def _named(tried: Try) -> str:
    by = "" if tried.by == "fleet" else f", made by {tried.by}"
    return f"{tried.verb} {tried.directive.target} ({tried.directive.id}{by})"


def _tried(tried: Try) -> str:
    approved = "; a person approved it" if tried.by_person and tried.result in DONE else ""
    return f"{_named(tried)} {RESULT[tried.result]}{approved}"


def _wrong(entries: tuple[Entry, ...], episode: Episode) -> Iterator[str]:
    """What the fleet got wrong or could not do, as its facts show."""
    for tried in episode.tries:
        if tried.result in ("failed", "undone", "refuted"):
            yield f"{_named(tried)} against {tried.cause} in {tried.service} {RESULT[tried.result]}"
    causes = dict.fromkeys((f.service, f.cause) for f in _all(entries) if isinstance(f, Diagnosed))
    if len(causes) > 1:
        first, *_, last = causes
        yield f"the first diagnosis was {first[1]} in {first[0]}, the last {last[1]} in {last[0]}"
    for fact in _all(entries):
        match fact:
            case Refused():
                yield f"it set out to act on what had changed meanwhile: {fact.precondition}"
            case Ruled(ruling="stale"):
                yield "it decided on a state that was out of date when policy looked"
            case Stuck():
                yield f"it could not go on: {fact.reason}"
            case _:
                pass
    for note in _missing(entries):
        yield f"it decided without: {note}"


def _missing(entries: tuple[Entry, ...]) -> Iterator[str]:
    for fact in _all(entries):
        if isinstance(fact, Diagnosed):
            yield from fact.missing


def _follow_ups(entries: tuple[Entry, ...], episode: Episode, account: Learned | None) -> Iterator[str]:
    """What is left for people, each from a fact."""
    where = f"{episode.cause} in {episode.service}"
    last = next((t for t in reversed(episode.tries) if t.result == "worked"), None)
    if last is not None and last.verb == "restart":
        yield f"Find out why: a restart ended {where}, and changed nothing about its cause"
    if last is not None and last.verb == "set-memory":
        yield f"Find out what {episode.service} needs the memory for: its limit was raised, not its use mended"
    if account is not None and account.recurrences:
        yield f"It has come back {account.recurrences} time(s) within the window: change what causes it"
    if verdict(entries) == "recovered":
        yield f"It went away by itself: find out what {episode.symptom} on {episode.detected} was"
    for tried in episode.tries:
        if tried.result in ("failed", "undone"):
            yield f"Decide whether {tried.verb} is right against {tried.cause} in {tried.service}: it did not help here"
        if tried.result == "unknown" and tried.verb != "restart":
            yield f"Look at what became of {_named(tried)}: nothing was verified of it"
    for note in _missing(entries):
        yield f"Make readable what was not: {note}"
    if any(isinstance(f, Escalated) for f in _all(entries)) and last is None:
        yield "See to what was handed on: no action of this incident is verified to have helped"


def _all(entries: tuple[Entry, ...]) -> tuple[AnyFact, ...]:
    return tuple(e.fact for e in entries)
