"""Where Alertmanager's notifications wait for the patrol's next look: bounded, each firing once. Thread-safe."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agents.scout.alerts import Alert, Unusable, parse

WAITING: Final = 2_000
"""Alerts that wait for the next look; the oldest give way."""
REMEMBERED: Final = 4_096
"""Firings that are known, so that a repetition is told apart from news."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the alerts of one notification, counted."""

    taken: int = 0
    doubled: int = 0
    ignored: int = 0


class Inbox:
    """Where notifications wait for the patrol's next look. Thread-safe, bounded."""

    def __init__(self, clean: Callable[[str], str], now: Callable[[], datetime]) -> None:
        self._clean, self._now = clean, now
        self._lock = threading.Lock()
        self._waiting: OrderedDict[tuple[str, datetime], Alert] = OrderedDict()
        self._last: OrderedDict[tuple[str, datetime], bool] = OrderedDict()
        self.counts: Counter[str] = Counter(
            dict.fromkeys(("taken", "doubled", "unlabelled", "severity", "unlisted"), 0)
        )
        """Alerts since the start: taken, doubled, or why they were ignored."""

    def take(self, body: bytes, listed: frozenset[str]) -> Taken:
        """Keep what `body` says of services that are `listed`; the rest is counted. Raises Malformed."""
        found = parse(body, self._clean, self._now())
        counts: Counter[str] = Counter()
        with self._lock:
            for alert in found:
                counts[self._keep(alert, listed)] += 1
            self.counts.update(counts)
        taken, doubled = counts.pop("taken", 0), counts.pop("doubled", 0)
        return Taken(taken, doubled, counts.total())

    def collect(self) -> tuple[Alert, ...]:
        """What is new since the last call, oldest first."""
        with self._lock:
            waiting, self._waiting = tuple(self._waiting.values()), OrderedDict()
        return waiting

    def _keep(self, alert: Alert | Unusable, listed: frozenset[str]) -> str:
        if isinstance(alert, Unusable):
            return alert.why
        if alert.service not in listed:
            return "unlisted"
        known = self._last.get(alert.key)
        if known is False or known is alert.firing:  # resolved is the last word on a firing
            return "doubled"
        self._last[alert.key] = alert.firing
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        self._waiting[alert.key] = alert
        self._waiting.move_to_end(alert.key)
        if len(self._waiting) > WAITING:
            self._waiting.popitem(last=False)
        return "taken"
