"""`memory status|rebuild|forget|similar`: the knowledge base, asked and mended from outside the fleet.

Memory's process and `rebuild` do not disturb each other: both lead the index to the same state, the one that GitHub
says, document by document under the same names. What one of them read too early, Memory's next round sets right.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from agents.brain.recall import text as looked_for
from agents.memory.index import is_incident
from agents.memory.librarian import Librarian, World
from agents.memory.shelf import Shelf
from mission_control.exits import Exit
from mission_control.fleet.knowledge import NoKnowledge, library_of
from mission_control.fleet.policy_file import read_policy
from mission_control.fleet.worker import redactor_of
from mission_control.github import GithubSaysNo
from mission_control.running import Target, target
from mission_control.settings import BadSettings, Settings
from mission_control.terminal.console import progress
from mission_control.terminal.printable import printable
from mission_control.terminal.verify import read_incident
from mission_control.world import record
from shared.adapters.chroma import ChromaLibrary
from shared.adapters.github import Address, connect
from shared.adapters.github.source import GitHubSource
from shared.incident.evidence import one_line
from shared.incident.labels import FORGET, INCIDENT, LEARNED
from shared.knowledge import Recalled, Wanted
from shared.ports import Permanent, Transient
from shared.recall.document import Kind
from shared.runtime.archive import Archive
from shared.runtime.clock import SystemClock

PATIENCE_S: Final = 15.0
"""A person waits longer for an answer than a diagnosis does."""
_NUMBER: Final = re.compile(r"(?:#|incident-)?(\d{1,9})(?:-\d+)?")


@dataclass(frozen=True, slots=True)
class Question:
    """What `similar` looks for: a text, or the number of an incident."""

    text: str
    service: str = ""
    kinds: tuple[Kind, ...] = ("incident", "runbook", "doc", "code")
    limit: int = 10


def status(settings: Settings, as_json: bool) -> Exit:
    """OK when the index is as it ought to be, DEGRADED when not.

    Raises NoKnowledge, GithubSaysNo, NotRunning or BadSettings.
    """
    with _library(settings) as (library, at), _librarian(settings, at, library) as librarian:
        todo = librarian.look()
        said = {
            "chroma": _chroma(settings),
            "repository": at.repository.name,
            "embedding": library.embedder,
            "other_embeddings": [name for name in library.embeddings() if name != library.embedder],
            "horizon_s": settings.memory_horizon.total_seconds(),
            "documents": dict(librarian.counts),
            "missing": librarian.missing,
            "missing_episodes": sum(one.kind == "incident" for one in todo.put),
            "to_drop": len(todo.drop),
            "unsound": library.unsound,
        }
    if as_json:
        sys.stdout.write(json.dumps(said, indent=2) + "\n")
    else:
        _told(said)
    return Exit.DEGRADED if todo.put or todo.drop or said["unsound"] else Exit.OK


def rebuild(settings: Settings) -> int:
    """Empty the index, and fill it from GitHub alone. Raises as `status`."""
    with _library(settings) as (library, at), _librarian(settings, at, library) as librarian:
        library.clear()
        sys.stdout.write(f"emptied; reading {at.repository.name}\n")
        with progress("indexing") as tell:
            librarian.round(tell)
        counts = ", ".join(f"{count} of kind {kind}" for kind, count in sorted(librarian.counts.items()))
        sys.stdout.write(f"rebuilt with {library.embedder}: {counts or 'nothing to index'}\n")
    return 0


def forget(settings: Settings, id: str) -> int:
    """Label an incident so that it stays out, and drop it at once; 1 for what is in a file. Raises as `status`."""
    match = _NUMBER.fullmatch(id)
    if match is None:
        path = id.partition("#")[0]
        sys.stdout.write(
            f"{path} is a file of the repository: delete it there, or name it under memory.leave_out in "
            "deploy/policy.yaml. Memory takes it out when it sees either.\n"
        )
        return 1
    number = int(match[1])
    repository = target(settings, "operator").repository
    labels = {row["name"] for row in repository.call("GET", f"/issues/{number}").json()["labels"]}
    if INCIDENT not in labels:
        raise NoKnowledge(f"issue {number} is no incident of the fleet")
    repository.call("POST", f"/issues/{number}/labels", json={"labels": [FORGET]})
    sys.stdout.write(f"#{number} is labelled {FORGET}: it enters no index any more\n")
    with _library(settings) as (library, _):
        gone = [held for held in library.held() if is_incident(held) and held.split("-")[1] == str(number)]
        library.drop(gone)
    if LEARNED in labels:
        repository.take_label(number, LEARNED)  # Memory sees the other label and may be faster
    sys.stdout.write(f"dropped: {', '.join(gone) or 'nothing, it is not in the index'}\n")
    return 0


def similar(settings: Settings, question: Question, as_json: bool) -> int:
    """Print what is alike, the best first; 0 also when nothing is. Raises as `status`."""
    with _library(settings) as (library, at):
        found = library.recall(_wanted(at, question))
    if as_json:
        sys.stdout.write(json.dumps([_row(one) for one in found], indent=2) + "\n")
        return 0
    for one in found:
        document = one.document
        where = f"{document.source}  from {document.proof[:10]} of {document.at:%Y-%m-%d %H:%M} UTC"
        sys.stdout.write(printable(f"{one.score:5.2f}  {document.id}  {document.ending}".rstrip()) + "\n")
        sys.stdout.write(f"       {one_line(document.title, 110)}\n")
        sys.stdout.write(f"       {printable(where)}\n")
    if not found:
        sys.stdout.write("nothing is alike\n")
    return 0


def state_of(settings: Settings, at: Target, *, kept: bool) -> tuple[bool, str]:
    """For `doctor`: whether the index answers and is of the embedding that is set, and a line about it. `kept`: whether
    Memory is there to make it; else one that nobody has made yet is not wrong."""
    library = _made(settings, at.repository.name)
    try:
        names = library.embeddings()
        held = len(library.held()) if library.embedder in names else 0
    except (Transient, Permanent) as failure:
        return False, str(failure)
    finally:
        library.close()
    if not names and not kept:
        return True, f"{_chroma(settings)} answers; there is no index, and no Memory here to make one"
    if library.embedder not in names:
        made = f"it is of {', '.join(names)}" if names else "there is none"
        return False, f"no index of {library.embedder}: {made}"
    return True, f"{_chroma(settings)}: {held} documents, {library.embedder}"


def _chroma(settings: Settings) -> str | None:
    """Where Chroma is: as set, else the running world's."""
    if settings.chroma_url is not None:
        return settings.chroma_url
    try:
        return record.read(settings.state_dir.resolve()).knowledge
    except record.NotRunning:
        return None


def _made(settings: Settings, repository: str) -> ChromaLibrary:
    known = settings.model_copy(update={"chroma_url": _chroma(settings)})
    library = library_of(known, repository, PATIENCE_S)
    if library is None:
        raise NoKnowledge("no Chroma is known: set CHROMA_URL, or start the world with ./mission-control.sh up")
    return library


@contextmanager
def _library(settings: Settings) -> Iterator[tuple[ChromaLibrary, Target]]:
    at = target(settings)
    library = _made(settings, at.repository.name)
    try:
        yield library, at
    except (Transient, Permanent) as failure:
        raise NoKnowledge(str(failure)) from failure
    finally:
        library.close()


@contextmanager
def _librarian(settings: Settings, at: Target, library: ChromaLibrary) -> Iterator[Librarian]:
    """Memory's own librarian, not started. Its labels are written at once."""
    try:
        keyring = at.keyring()
    except (OSError, ValueError) as error:
        raise BadSettings((f"SRE_KEYRING {error}",)) from error
    policy = read_policy(settings)
    address = Address(at.repository.api, at.repository.name, at.repository.token)
    github = connect(address, settings.state_dir / "budget", SystemClock())
    try:
        clean = redactor_of(settings).text
        shelf = Shelf(GitHubSource(github.wire), clean, frozenset(policy.services), policy.memory.leave_out)
        world = World(Archive(github.reads, keyring), shelf, settings.memory_horizon, clean)

        def label(number: int, present: bool) -> None:
            (github.writes.add_label if present else github.writes.remove_label)(number, LEARNED)

        yield Librarian(library, world, label, settings.resync_every)
    finally:
        github.close()


def _wanted(at: Target, question: Question) -> Wanted:
    now = datetime.now(UTC)
    match = re.fullmatch(r"#?(\d{1,9})", question.text.strip())
    asked = Wanted(question.text, now, service=question.service, kinds=question.kinds, limit=question.limit)
    if match is None:
        return asked
    incident = read_incident(at, int(match[1]))
    if not incident.is_incident:
        raise GithubSaysNo(f"issue {match[1]} is no incident of the fleet")
    detected = incident.detected
    service = question.service or detected.service
    return replace(asked, text=looked_for(detected), service=service, symptom=detected.symptom, besides=incident.number)


def _row(one: Recalled) -> dict[str, Any]:
    document = one.document
    return {
        "id": document.id, "kind": document.kind, "score": round(one.score, 4), "similarity": round(one.similarity, 4),
        "title": document.title, "service": document.service, "symptom": document.symptom, "cause": document.cause,
        "ending": document.ending, "issue": document.issue or None, "source": document.source, "proof": document.proof,
        "at": document.at.isoformat(), "text": document.text,
    }  # fmt: skip


def _told(said: dict[str, Any]) -> None:
    back = f"back {said['horizon_s'] / 86400:g} days"
    sys.stdout.write(f"{said['chroma']}  what is known about {said['repository']}, {back}\n")
    others = f"; there is also an index of {', '.join(said['other_embeddings'])}" if said["other_embeddings"] else ""
    sys.stdout.write(f"embedding {said['embedding']}{others}\n")
    for kind, count in sorted(said["documents"].items()):
        sys.stdout.write(f"{count:6} {kind}\n")
    sys.stdout.write(f"{said['missing']:6} missing, {said['missing_episodes']} of them episodes of incidents\n")
    if said["to_drop"]:
        sys.stdout.write(f"{said['to_drop']:6} that ought not to be there any more\n")
    if said["unsound"]:
        sys.stdout.write(f"{said['unsound']:6} that are not what they say: ./mission-control.sh memory rebuild\n")
