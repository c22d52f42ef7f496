"""What Brain is reminded of: the knowledge base names issues and runbooks, and each is read again where it stands.

An index may lie or be out of date: what it says decides nothing. An incident counts as its signed log says, a runbook
as the default branch has it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from agents.brain.case import Runbook
from shared.incident.facts import Detected
from shared.incident.replay import Incident
from shared.knowledge import Knowledge, Recalled, Wanted
from shared.ports import Past
from shared.recall.document import Kind
from shared.source import Source

MOST_INCIDENTS: Final = 8
MOST_RUNBOOKS: Final = 3
LONGEST_RUNBOOK: Final = 20_000
"""Bytes of a runbook that are read."""
RUNBOOKS: Final = "docs/runbooks/"


class Recall:
    """`source`: the repository; without it no runbook is read. `clean` takes secrets out of what is read."""

    def __init__(self, knowledge: Knowledge, past: Past, source: Source | None, clean: Callable[[str], str]) -> None:
        self._knowledge = knowledge
        self._past = past
        self._source = source
        self._clean = clean

    def incidents(self, incident: Incident, now: datetime) -> tuple[Incident, ...]:
        """Earlier incidents like this one. Raises Transient, Permanent."""
        found = self._alike(incident, now, "incident", MOST_INCIDENTS)
        numbers = tuple(r.document.issue for r in found if r.document.issue > 0)
        return self._past.named(tuple(n for n in numbers if n != incident.number))

    def runbooks(self, incident: Incident, now: datetime) -> tuple[Runbook, ...]:
        """Runbooks that may fit, the best first. Raises Transient, Permanent."""
        if self._source is None:
            return ()
        found = self._alike(incident, now, "runbook", MOST_RUNBOOKS)
        paths = dict.fromkeys(r.document.id.partition("#")[0] for r in found)
        wanted = tuple(path for path in paths if path.startswith(RUNBOOKS) and path.endswith(".md"))
        if not wanted:
            return ()
        head = self._source.head()
        there = self._source.files(head, wanted)
        read = (
            (path, there[path].data[:LONGEST_RUNBOOK].decode("utf-8", "replace")) for path in wanted if path in there
        )
        return tuple(Runbook(path, head, self._clean(content)) for path, content in read)

    def _alike(self, incident: Incident, now: datetime, kind: Kind, limit: int) -> tuple[Recalled, ...]:
        """What is named as like what was seen."""
        seen = incident.detected
        return self._knowledge.recall(
            Wanted(
                text=text(seen),
                now=now,
                service=seen.service,
                symptom=seen.symptom,
                kinds=(kind,),
                limit=limit,
                besides=incident.number,
            )
        )


def text(detected: Detected) -> str:
    """What is looked for: what was seen, in the words of the fact."""
    return "\n".join(
        (f"{detected.service} {detected.symptom}", detected.summary, *(e.summary for e in detected.evidence))
    )
