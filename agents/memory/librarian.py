"""Keeps the index as GitHub says it ought to be: reads, compares, puts and drops the difference, labels what is in.

It runs beside the worker's loop, in a thread of its own: closing an incident never waits for it. Each round leads to
the same end from whatever there is, so it does not matter how often or by how many processes it is done.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from agents.memory.index import Clean, Plan, firings, plan, to_label
from agents.memory.shelf import Shelf
from shared.incident.replay import Incident
from shared.knowledge import Library
from shared.ports import Past, Permanent, Transient
from shared.recall.document import Document

_log = structlog.get_logger()
LOOKED_AT: Final = 10
"""Rounds after which the index is read whole again: somebody else may have changed it."""
LONGEST_PAUSE_S: Final = 300.0
SPACING_S: Final = 1.0
"""Between two rounds, however often it is woken."""
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
    """`round` may be called by itself; `start` has it called until `stop`."""

    def __init__(self, library: Library, world: World, label: Label, every: timedelta) -> None:
        self._library = library
        self._world = world
        self._label = label
        self._every = every.total_seconds()
        self._held: dict[str, str] | None = None
        self._round = 0
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._bug: BaseException | None = None
        self.counts: Mapping[str, int] = {}
        """Documents of each kind that ought to be in the index and are."""
        self.missing = 0
        """Documents that ought to be and are not."""
        self.trouble = "the index has not been looked at yet"
        """Why the last round failed; empty where it did not."""

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
                if self._stopping.is_set():
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

    def start(self) -> None:
        """Have rounds done in the background."""
        self._thread = threading.Thread(target=self._run, name="librarian", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something ended: look soon. Never blocks."""
        self._woken.set()

    def stop(self) -> None:
        """End it; waits for a round under way no longer than a worker may take to stop."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def state(self) -> dict[str, object]:
        """For `/healthz`."""
        return {"documents": sum(self.counts.values()), "missing": self.missing, "trouble": self.trouble}

    def check(self) -> None:
        """Raise what ended the thread, if anything did. A worker calls this in its loop."""
        if self._bug is not None:
            raise RuntimeError("the librarian's thread ended") from self._bug

    def _run(self) -> None:
        try:
            self._rounds()
        except BaseException as bug:  # noqa: BLE001  handed over whole: `check` raises it again
            _log.critical("the index is no longer kept", exc_info=bug)
            self._bug = bug

    def _rounds(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                done = self.round()
            except (Transient, Permanent) as failure:
                failures += 1
                if str(failure) != self.trouble:
                    _log.warning("the index is behind", why=str(failure), missing=self.missing)
                self.trouble = str(failure)
            else:
                if self.trouble or done.put or done.drop:
                    _log.info("indexed", put=len(done.put), dropped=len(done.drop), documents=sum(self.counts.values()))
                self.trouble, failures = "", 0
            pause = min(2.0**failures, LONGEST_PAUSE_S) if failures else self._every
            self._stopping.wait(SPACING_S)
            self._woken.wait(pause)

    def _look(self) -> tuple[tuple[Incident, ...], tuple[Document, ...], Plan, Transient | Permanent | None]:
        """Incidents, what ought to be in the index, what is to be done, why not all of it could be read."""
        incidents = self._world.past.recent(self._world.horizon)
        ended = [one for incident in incidents for one in firings(incident, self._world.clean)]
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
