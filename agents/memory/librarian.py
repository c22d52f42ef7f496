"""Keeps the index as GitHub says it ought to be: reads, compares, puts and drops the difference, labels what is in.

Each round leads to the same end from whatever there is, so it does not matter by how many processes it is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from agents.memory.index import Clean, Plan, documents_of, plan, to_label
from agents.memory.rounds import Rounds
from agents.memory.shelf import Shelf
from shared.incident.replay import Incident
from shared.knowledge import Library
from shared.ports import Past, Permanent, Transient
from shared.recall.document import Document

_log = structlog.get_logger()
LOOKED_AT: Final = 10
"""Rounds after which the index is read whole again: somebody else may have changed it."""
SLICE: Final = 64
"""Documents that are put at once."""
Label = Callable[[int, bool], None]
"""(issue, present): put or take the label `Learning: Indexed`, soon."""


@dataclass(frozen=True, slots=True)
class World:
    """Where it reads. `shelf`: None where the repository is not to be read."""

    past: Past
    shelf: Shelf | None
    horizon: timedelta
    clean: Clean


class Librarian:
    """`round` may be called by itself; `rounds` has it called again and again."""

    def __init__(self, library: Library, world: World, label: Label, every: timedelta) -> None:
        self._library = library
        self._world = world
        self._label = label
        self.rounds = Rounds("librarian", self._told, every)
        """Of `round`, in the background."""
        self._held: dict[str, str] | None = None
        self._round = 0
        self.counts: Mapping[str, int] = {}
        """Documents of each kind that ought to be in the index and are."""
        self.missing = 0
        """Documents that ought to be and are not."""

    def round(self, told: Callable[[int, int], None] = lambda *_: None) -> Plan:
        """Once to the end. `told`: (done, all) after each step. Raises Transient, Permanent."""
        incidents, ought, todo, unread = self._look()
        held = self._held if self._held is not None else {}
        try:
            for start in range(0, len(todo.put), SLICE):
                some = todo.put[start : start + SLICE]
                self._library.put(some)
                held |= {one.id: one.digest for one in some}
                self._count(ought, held)
                told(min(start + SLICE, len(todo.put)), len(todo.put))
                if self.rounds.stopping:
                    return todo
            self._library.drop(todo.drop)
        except (Transient, Permanent):
            self._held = None  # what came of it is not known
            raise
        for id in todo.drop:
            held.pop(id)
        for number, present in to_label(incidents, held):
            self._label(number, present)
        if unread is not None:
            raise unread
        return todo

    def look(self) -> Plan:
        """What a round would do; counts, and changes nothing. Raises Transient, Permanent."""
        _, _, todo, unread = self._look()
        if unread is not None:
            raise unread
        return todo

    def state(self) -> dict[str, object]:
        """For `/healthz`."""
        return {"documents": sum(self.counts.values()), "missing": self.missing, "trouble": self.rounds.trouble}

    def _told(self) -> None:
        """A round, and a line in the log where something came of it."""
        done = self.round()
        if done.put or done.drop:
            _log.info("indexed", put=len(done.put), dropped=len(done.drop), documents=sum(self.counts.values()))

    def _look(self) -> tuple[tuple[Incident, ...], tuple[Document, ...], Plan, Transient | Permanent | None]:
        """Incidents, what ought to be in the index, what is to be done, why not all of it could be read."""
        incidents = self._world.past.recent(self._world.horizon)
        ended = [one for incident in incidents for one in documents_of(incident, self._world.clean)]
        files, unread = self._files()
        ought = (*ended, *(files or ()))
        if self._held is None or self._round % LOOKED_AT == 0:  # somebody else may have changed it
            self._held = dict(self._library.held())
        self._round += 1
        self._count(ought, self._held)
        return incidents, ought, plan(ought, self._held, files=files is not None), unread

    def _files(self) -> tuple[tuple[Document, ...] | None, Transient | Permanent | None]:
        """The files' documents; None where they cannot be read, and why: the incidents are indexed all the same."""
        if self._world.shelf is None:
            return None, None
        try:
            return self._world.shelf.documents(), None
        except (Transient, Permanent) as failure:
            return None, failure

    def _count(self, ought: tuple[Document, ...], held: Mapping[str, str]) -> None:
        there = [one for one in ought if held.get(one.id) == one.digest]
        self.counts = dict(Counter(one.kind for one in there))
        self.missing = len(ought) - len(there)
