"""The incidents as last read, kept whole while they are new and counted when they are old. Thread-safe."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Final

from dashboard.card import card
from dashboard.shapes import Card
from dashboard.slider import as_of
from dashboard.tally import Past, past_of
from shared.incident.replay import Incident

MOST_WHOLE: Final = 300
"""Incidents that are kept whole, and shown: the open ones, then those that changed last."""
SHOWN_FOR: Final = timedelta(hours=24)
"""How long a closed incident stays on the board."""


class Logs:
    """What GitHub said last of each incident."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._whole: dict[int, Incident] = {}
        self._cards: dict[int, Card] = {}
        self._past: dict[int, Past] = {}
        self._read_at: dict[int, tuple[datetime, bool, frozenset[str]]] = {}
        """GitHub's `updated_at`, closed and labels at the reading."""
        self._from: datetime | None = None
        """Before this, something is no longer kept whole."""

    def put(self, incident: Incident, updated_at: datetime) -> Card | None:
        """Take what an issue says now; its card where that has changed. None for an issue that is no incident."""
        seen = (updated_at, incident.closed, incident.labels)
        shown = card(incident) if incident.is_incident else None
        with self._lock:
            self._read_at[incident.number] = seen
            if shown is None:
                self._forget(incident.number)
                return None
            before = self._cards.get(incident.number)
            self._whole[incident.number], self._cards[incident.number] = incident, shown
            self._past[incident.number] = past_of(incident)
            self._make_room()
            return shown if shown != before else None

    def differs(self, number: int, updated_at: datetime, closed: bool, labels: frozenset[str]) -> bool:
        """Whether an issue of the list is other than it was when it was read."""
        with self._lock:
            return self._read_at.get(number) != (updated_at, closed, labels)

    def leave_out(self, updated_at: datetime) -> None:
        """Something that changed last then is not read: moments before are not claimed to be whole."""
        with self._lock:
            self._from = max(self._from or updated_at, updated_at)

    def get(self, number: int) -> Incident | None:
        with self._lock:
            return self._whole.get(number)

    @property
    def past(self) -> tuple[Past, ...]:
        with self._lock:
            return tuple(self._past.values())

    @property
    def log_from(self) -> datetime | None:
        """The earliest moment of which every incident is still known whole; None without any incident."""
        with self._lock:
            opened = [i.opened_at for i in self._whole.values() if i.opened_at is not None]
            return max([min(opened), *([self._from] if self._from else [])]) if opened else None

    def cards(self, at: datetime) -> list[Card]:
        """The open incidents, and those closed within SHOWN_FOR before `at`; newest first."""
        with self._lock:
            shown = [
                (incident, self._cards[number])
                for number, incident in self._whole.items()
                if not incident.closed or self._past[number].updated_at > at - SHOWN_FOR
            ]
        return [c for _, c in sorted(shown, key=_newest_first)][:MOST_WHOLE]

    def cards_as_of(self, at: datetime) -> list[Card]:
        """The same for a past moment, from the logs alone."""
        with self._lock:
            whole = tuple(self._whole.values())
        then = [as_of(incident, at) for incident in whole]
        kept = [i for i in then if i.is_incident and (not i.closed or i.entries[-1].posted_at > at - SHOWN_FOR)]
        return [c for _, c in sorted(((i, card(i)) for i in kept), key=_newest_first)][:MOST_WHOLE]

    def __len__(self) -> int:
        return len(self._whole)

    def _forget(self, number: int) -> None:
        for kept in (self._whole, self._cards, self._past):
            kept.pop(number, None)

    def _make_room(self) -> None:
        if len(self._whole) <= MOST_WHOLE:
            return
        oldest = min(self._whole, key=lambda n: (not self._whole[n].closed, self._past[n].updated_at))
        self._from = max(self._from or datetime.min.replace(tzinfo=UTC), self._past[oldest].updated_at)
        del self._whole[oldest], self._cards[oldest]


def _newest_first(pair: tuple[Incident, Card]) -> tuple[float, int]:
    incident = pair[0]
    return -(incident.opened_at.timestamp() if incident.opened_at else 0.0), -incident.number
