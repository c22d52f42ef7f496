"""Keeps the one issue that shows the fleet: found again by its mark, made once, written only when it says something
new."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from mission_control.fleet.roster import ROLES
from mission_control.herald.board import MARK, TITLE, WEEK, Heard, View, board_of, body, is_board, urgent, worth_showing
from shared.incident.labels import DASHBOARD
from shared.incident.replay import Incident
from shared.incident.thread import Thread
from shared.incident.ticks import about, ticked
from shared.policy.model import Policy
from shared.ports import Past, Permanent, Transient
from shared.stream import Event

log = logging.getLogger("mission_control.herald")

EVERY: Final = timedelta(seconds=5)
COSMETIC: Final = timedelta(minutes=1)
"""Between two writes of what may wait."""
REDRAW_AFTER: Final = timedelta(seconds=20)
"""A ticked box is drawn again after that; who ticked it stands in GitHub's history."""
SILENT_AFTER: Final = timedelta(seconds=60)


class Writer(Protocol):
    """Of `shared.ports.IssueWriter` what is needed here."""

    def open_issue(self, title: str, body: str, labels: tuple[str, ...]) -> Thread: ...
    def edit_body(self, number: int, body: str) -> None: ...


class World(Protocol):
    """What the board is made of. Each raises Transient or Permanent."""

    def now(self) -> datetime: ...
    def open_numbers(self) -> tuple[int, ...]:
        """The open incidents."""
        ...

    def freezes(self) -> tuple[int, ...]:
        """The open issues that freeze the fleet."""
        ...

    def body(self, number: int) -> str:
        """The body of an issue as it is now."""
        ...

    def pin(self, number: int) -> None:
        """Pin an issue."""
        ...

    def boards(self) -> Iterable[dict[str, Any]]:
        """Issues, of any state, that may be the board: as GitHub lists them."""
        ...


class Ears:
    """Since when each role is heard without a pause. Only the name of a role is believed of a heartbeat."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._first: dict[str, datetime] = {}
        self._last: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def on_event(self, event: Event) -> None:
        role, now = event.data.get("agent"), self._now()
        if role not in ROLES:
            return
        with self._lock:
            if role not in self._last or now - self._last[role] > SILENT_AFTER:
                self._first[role] = now
            self._last[role] = now

    def heard(self, now: datetime) -> dict[str, Heard]:
        with self._lock:
            last = dict(self._last)
            return {
                role: Heard(self._first[role]) if now - at <= SILENT_AFTER else Heard(None, at)
                for role, at in last.items()
            }


class Keeper:
    """`step` reads, and writes when it is due. Raises Transient and Permanent: the next time will do."""

    def __init__(
        self,
        world: World,
        past: Past,
        writer: Writer,
        policy: Policy,
        login: Callable[[], str],
        ears: Ears | None,
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`tell`: wake the fleet for an incident beside whose box somebody put a tick; whose it is, Guardrail finds
        out."""
        self._tell = tell
        self._ticked_since: datetime | None = None
        self._world, self._past, self._writer, self._policy, self._login = world, past, writer, policy, login
        self._ears = ears
        self._number: int | None = None
        self._given_up = False
        self._looked = False
        self._wrote: tuple[str, tuple[object, ...], datetime] | None = None
        self._begun: datetime | None = None

    def step(self) -> None:
        if self._given_up:
            return
        if self._wrote is None and self._too_early():
            return
        view = self._view()
        new, matters = body(view), urgent(view)
        redraw = self._boxes(view.now)
        if not redraw and self._wrote is not None:
            text, before, at = self._wrote
            if new == text or (matters == before and view.now - at < COSMETIC):
                return
        number = self._find(view)
        if number is None:
            return
        self._writer.edit_body(number, new)
        self._ticked_since = None
        self._wrote = (new, matters, view.now)

    def _boxes(self, now: datetime) -> bool:
        """Tell of boxes that are ticked; whether it is time to draw them again."""
        lines = ticked(self._world.body(self._number)) if self._number is not None else frozenset()
        if not lines:
            self._ticked_since = None
            return False
        if self._ticked_since is None:
            self._ticked_since = now
            for number in sorted({about(line)[0] for line in lines}):
                self._tell(number)
        return now - self._ticked_since >= REDRAW_AFTER

    def _too_early(self) -> bool:
        """Whether to wait for the first heartbeats: each of them would be a change."""
        now = self._world.now()
        self._begun = self._begun or now
        heard = self._ears.heard(now) if self._ears is not None else dict.fromkeys(ROLES)
        return now - self._begun < SILENT_AFTER and len(heard) < len(ROLES)

    def _find(self, view: View) -> int | None:
        """The board's number. None where a person has closed it, and while there is none and nothing to show: the first
        incident comes first."""
        if self._number is not None or (self._looked and not worth_showing(view)):
            return self._number
        self._looked = True
        rows = list(self._world.boards())
        self._number = board_of(rows, self._login())
        if self._number is not None:
            return self._number
        if any(is_board(row, self._login()) for row in rows):
            log.info("the issue that shows the fleet was closed by somebody: it is not kept")
            self._given_up = True
            return None
        if worth_showing(view):
            made = self._writer.open_issue(TITLE, f"{MARK}\n", (DASHBOARD,))
            log.info("made the issue that shows the fleet: %d", made.number)
            self._number = made.number
            self._pin(made.number)
        return self._number

    def _pin(self, number: int) -> None:
        """Once, when it is made: who takes it down later has a reason."""
        try:
            self._world.pin(number)
        except (Transient, Permanent) as failure:
            log.warning("the issue that shows the fleet is not pinned; pin #%d by hand: %s", number, failure)

    def _view(self) -> View:
        now = self._world.now()
        recent = self._past.recent(WEEK)
        there = {i.number for i in recent}
        older: tuple[Incident, ...] = self._past.named([n for n in self._world.open_numbers() if n not in there])
        try:
            frozen: tuple[int, ...] | None = self._world.freezes()
        except Transient as failure:
            log.warning("the freeze switch cannot be read: %s", failure)
            frozen = None
        heard = self._ears.heard(now) if self._ears is not None else None
        return View(now, (*older, *recent), frozen, heard, self._policy)
