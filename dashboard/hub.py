"""All that the dashboard knows: what comes in is folded, told to the ring, and put together as a board."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from dashboard.detail import detail
from dashboard.logs import Logs
from dashboard.ring import Ring
from dashboard.shapes import Board, Budget, Detail, Source, Switch, stamp
from dashboard.slider import as_of
from dashboard.spoken import SPOKEN
from dashboard.tally import budgets, days, trust
from dashboard.telemetry import Message, Telemetry
from shared.incident.replay import Incident
from shared.policy.model import Policy
from shared.redaction import Redactor
from shared.stream import Event

UNREAD: Final = Switch(frozen=True, why="not read yet", url=None, readable=False)
SourceName = Literal["github", "kafka", "traces"]


@dataclass(frozen=True, slots=True)
class About:
    """What does not change while the process runs."""

    repo: str
    issues_url: str
    policy: Policy


class Secrets:
    """The one redactor of all that leaves this process; it learns of each token that somebody signs in with."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = frozenset(known)
        self._added: frozenset[str] = frozenset()
        self._redactor = Redactor(self._known)

    def set_added(self, tokens: Iterable[str]) -> None:
        """The tokens of those who are signed in now."""
        self._added = frozenset(tokens)
        self._redactor = Redactor(self._known | self._added)

    def json(self, value: Any) -> Any:
        return self._redactor.json(value)

    def text(self, value: str) -> str:
        return self._redactor.text(value)


class Hub:
    """Thread-safe. `now` is GitHub's clock as far as it is known, `clock` this machine's."""

    def __init__(
        self,
        about: About,
        telemetry: Telemetry,
        secrets: Secrets,
        clock: Callable[[], datetime],
        ring: Ring | None = None,
    ) -> None:
        self.about, self.telemetry, self.secrets = about, telemetry, secrets
        self.logs = Logs()
        self.ring = ring or Ring()
        self.now: Callable[[], datetime] = clock
        self.allowances: Callable[[], list[Budget]] = list
        """What is left of GitHub's write budget, where that can be known."""
        self._clock = clock
        self._lock = threading.Lock()
        self._switch = UNREAD
        self._sources: dict[SourceName, Source] = {}
        for name in ("github", "kafka", "traces"):
            self._sources[name] = Source(name=name, ok=False, detail="not asked yet", at=stamp(clock()))

    # what comes in

    def on_incident(self, incident: Incident, updated_at: datetime) -> None:
        """Take an issue as it was read."""
        changed = self.logs.put(incident, updated_at)
        if changed is not None:
            self.ring.publish("incident", self.secrets.json(changed))

    def on_event(self, topic: str, event: Event) -> None:
        """Take an event of the stream."""
        self._tell(self.telemetry.take(topic, event, self._clock()))

    def on_switch(self, switch: Switch) -> None:
        with self._lock:
            before, self._switch = self._switch, switch
        if switch != before:
            self.ring.publish("switch", self.secrets.json(switch))

    def on_source(self, name: SourceName, ok: bool, detail: str) -> None:
        """How one of the sources is, and since when; told when that changes."""
        text, now = self.secrets.text(detail)[:300], stamp(self._clock())
        with self._lock:
            before = self._sources[name]
            source = Source(name=name, ok=ok, detail=text, at=before["at"] if before["ok"] == ok else now)
            self._sources[name] = source
            if (before["ok"], before["detail"]) == (ok, source["detail"]):
                return
            told = [*self._sources.values()]
        self.ring.publish("sources", told)

    def tick(self) -> None:
        """Once a second."""
        self._tell(self.telemetry.tick(self._clock()))

    def _tell(self, messages: Iterable[Message]) -> None:
        for kind, data in messages:
            self.ring.publish(kind, self.secrets.json(data))

    # what goes out

    @property
    def switch(self) -> Switch:
        with self._lock:
            return self._switch

    def sources(self) -> list[Source]:
        with self._lock:
            return [*self._sources.values()]

    def board(self) -> Board:
        """Everything as it is now."""
        here, at = self._clock(), self.now()
        telemetry = self.telemetry
        board = self._frame(at, live=True)
        board["switch"] = self.switch
        board["incidents"] = self.logs.cards(at)
        board["services"] = telemetry.services(here)
        board["business"] = telemetry.trade(here)
        board["fleet"] = telemetry.beats(here)
        board["sources"] = self.sources()
        board["budgets"] += self.allowances()
        board["thoughts"], board["letters"] = telemetry.thoughts(), telemetry.letters()
        return self._finished(board)

    def board_as_of(self, at: datetime, switch: Switch) -> Board:
        """A past moment from the logs alone: what was only telemetry is not known of it."""
        board = self._frame(at, live=False)
        board["switch"] = switch
        board["incidents"] = self.logs.cards_as_of(at)
        return self._finished(board)

    def detail(self, number: int, at: datetime | None = None) -> Detail | None:
        """One incident in full, as of `at` where that is given; None for what was no incident then."""
        incident = self.logs.get(number)
        if incident is not None and at is not None:
            incident = as_of(incident, at)
        if incident is None or not incident.is_incident:
            return None
        shown: Detail = self.secrets.json(detail(incident))
        return shown

    def _frame(self, at: datetime, *, live: bool) -> Board:
        past, policy, first = self.logs.past, self.about.policy, self.logs.log_from
        return Board(
            at=stamp(at),
            live=live,
            repo=self.about.repo,
            issues_url=self.about.issues_url,
            switch=UNREAD,
            incidents=[],
            counts={},
            services=[],
            business=None,
            fleet=[],
            sources=[],
            budgets=budgets(past, policy, at),
            trust=trust(past, policy, at),
            mttr={"days": days(past, at)},
            thoughts=[],
            letters=[],
            commands=SPOKEN,
            log_from=stamp(first) if first else None,
        )

    def _finished(self, board: Board) -> Board:
        board["counts"] = dict(Counter(card["status"] for card in board["incidents"]))
        redacted: Board = self.secrets.json(board)
        return redacted
