"""What ought to be in the knowledge base, and what is to be done until it is. Pure.

Of an incident only what signed facts of a whole log say, and only firings that have ended. Of the repository what
people and the patients' developers wrote down. All of it is data: what decides is read again at GitHub.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from shared.incident.episodes import Episode, episodes, firings
from shared.incident.evidence import one_line
from shared.incident.facts import AnyFact, Detected, Diagnosed, Escalated, Verified
from shared.incident.labels import FORGET, LEARNED
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.recall.document import Document, Ending

MOST_CHARACTERS: Final = 4_000
"""Of one incident's text."""
FILES: Final = ("docs/*.md", "README.md", "protected_services/*", "deploy/stack.yaml")
"""Which files are read, `*` for any characters."""
NEVER: Final = ("*.lock", "*.min.js", "*.svg", "*.png", "*.jpg", "*.ico", "*.woff2", "*.pyc")
Clean = Callable[[str], str]
"""Takes secrets out of a text."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be put and dropped so that the index is as it ought to be."""

    put: tuple[Document, ...]
    drop: tuple[str, ...]


def plan(ought: Iterable[Document], held: Mapping[str, str], *, files: bool) -> Plan:
    """`held`: ids with digests, as the index has them. `files`: whether `ought` has all files; else those are left."""
    wanted = {one.id: one for one in ought}
    put = tuple(one for one in wanted.values() if held.get(one.id) != one.digest)
    return Plan(put, tuple(id for id in held if id not in wanted and (files or is_incident(id))))


def is_incident(id: str) -> bool:
    """Whether a document's id is that of an incident."""
    return re.fullmatch(r"incident-\d+-\d+", id) is not None


def may_enter(incident: Incident) -> bool:
    """Whether its log is whole, and nobody wants it forgotten."""
    return incident.whole and FORGET not in incident.labels


def documents_of(incident: Incident, clean: Clean) -> tuple[Document, ...]:
    """A document of each firing that has ended; none where the incident may not enter."""
    if not may_enter(incident):
        return ()
    told = zip(episodes(incident), firings(incident), strict=True)
    return tuple(_document(one, [e.fact for e in entries], clean) for one, entries in told if one.ended)


def to_label(incidents: Iterable[Incident], held: Mapping[str, str]) -> tuple[tuple[int, bool], ...]:
    """(issue, whether it is to have the label `Learning: Indexed`), where it is wrong: only what is held has it."""
    found = []
    for incident in incidents:
        if not incident.closed or incident.status is not Status.CLOSED:
            continue
        ended = [e.name for e in episodes(incident) if e.ended]
        indexed = may_enter(incident) and bool(ended) and all(name in held for name in ended)
        if indexed != (LEARNED in incident.labels):
            found.append((incident.number, indexed))
    return tuple(found)


def is_wanted(path: str, leave_out: Iterable[str] = ()) -> bool:
    """Whether a file of the repository is indexed."""
    return _like(path, FILES) and not _like(path, NEVER) and not _like(path, leave_out)


def cleaned(document: Document, clean: Clean) -> Document:
    """Without secrets."""
    return replace(document, title=clean(document.title), text=clean(document.text))


def _like(path: str, patterns: Iterable[str]) -> bool:
    return any(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), path) for pattern in patterns)


def _document(episode: Episode, facts: list[AnyFact], clean: Clean) -> Document:
    return Document(
        id=episode.name,
        kind="incident",
        title=clean(one_line(f"{episode.cause} in {episode.service}: {episode.symptom} of {episode.detected}", 200)),
        text=clean("\n".join(dict.fromkeys(_lines(episode, facts))))[:MOST_CHARACTERS],
        source=episode.url,
        proof=episode.digest,
        at=episode.at,
        service=episode.detected,
        symptom=episode.symptom,
        cause=episode.cause,
        ending=_ending(episode),
        issue=episode.issue,
    )


def _lines(episode: Episode, facts: list[AnyFact]) -> Iterable[str]:
    """What was seen first, as the next one will be described when it is looked for; then what it was, and came to."""
    yield f"{episode.detected} {episode.symptom}"
    yield episode.summary
    for fact in facts:
        match fact:
            case Detected():
                yield from (one.summary for one in fact.evidence)
            case Diagnosed():
                yield f"Root cause: {fact.root_cause} ({fact.cause} in {fact.service})"
                yield from (one.summary for one in fact.evidence)
            case Escalated():
                yield f"Escalated: {fact.reason}"
            case Verified():
                yield f"Verified {fact.outcome}: {fact.detail}"
            case _:
                pass
    for one in episode.tries:
        yield f"{one.verb} of {one.directive.target} {one.result}"
    yield f"Ended: {episode.ending}"


def _ending(episode: Episode) -> Ending:
    if episode.ending == "worked":
        return "worked"
    return "failed" if any(one.result in ("failed", "undone") for one in episode.tries) else "unresolved"
