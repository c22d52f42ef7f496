"""Finds earlier incidents like one, for `/similar`: each is its own signed log.

The knowledge base names them. Without it, what changed of late is compared by the same ranking, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from agents.memory.index import Clean, documents_of, may_enter
from shared.incident.facts import Diagnosed
from shared.incident.replay import Incident
from shared.knowledge import Knowledge, Wanted
from shared.ports import Past, Permanent, Transient
from shared.recall.hashing import Hashed
from shared.recall.rank import ranked

MOST: Final = 5
Recent = Callable[[], tuple[Incident, ...]]


class Similar:
    """Finds them. `recent`: incidents of a long time back, as last read."""

    def __init__(self, knowledge: Knowledge | None, past: Past, recent: Recent, clean: Clean) -> None:
        self._knowledge = knowledge
        self._past = past
        self._recent = recent
        self._clean = clean

    def to(self, incident: Incident, now: datetime) -> tuple[tuple[Incident, ...], str]:
        """The likest first, and how they were looked for. Raises Transient, Permanent."""
        diagnosed = next((e.fact for e in reversed(incident.firing) if isinstance(e.fact, Diagnosed)), None)
        seen = incident.detected
        told = [f"{seen.service} {seen.symptom}", seen.summary, *(e.summary for e in seen.evidence)]
        wanted = Wanted(
            text="\n".join(told),
            now=now,
            service=seen.service,
            symptom=seen.symptom,
            cause=diagnosed.cause if diagnosed else "",
            limit=MOST,
            besides=incident.number,
        )
        if self._knowledge is not None:
            try:
                found = self._knowledge.recall(wanted)
            except (Transient, Permanent) as away:
                why = f"the knowledge base does not answer ({away})"
            else:
                order = [one.document.issue for one in found]
                logs = {i.number: i for i in self._past.named(order) if may_enter(i)}
                return tuple(logs[n] for n in order if n in logs), "as the knowledge base has them"
        else:
            why = "there is no knowledge base"
        return self._without(wanted), f"{why}: compared with what changed in recent weeks, by the same words and names"

    def _without(self, wanted: Wanted) -> tuple[Incident, ...]:
        logs = {i.number: i for i in self._recent() if i.is_incident and i.number != wanted.besides}
        documents = [d for i in logs.values() for d in documents_of(i, self._clean)]
        embed = Hashed().embed
        wish, *have = embed([wanted.text, *(d.passage for d in documents)])
        cosines = (sum(a * b for a, b in zip(wish, vector, strict=True)) for vector in have)
        found = ranked(zip(documents, cosines, strict=True), wanted)
        return tuple(logs[one.document.issue] for one in found)
