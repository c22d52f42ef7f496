"""What is usual, kept small and current: sketches by (service, operation, caller) and hour that fade with time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from shared.analysis.rca.baseline_store import ENOUGH, OTHER_HOURS, BaselineStore, Key
from shared.analysis.rca.sketch import Sketch

FULL: Final = 5_000.0
"""Spans that weigh in on one hour of one key: beyond, the older fade as new ones come."""
DAILY: Final = 0.5
"""The share of an hour's weight that is left a day later."""
DAY: Final = 24
"""Hours."""
FORGOTTEN: Final = 7 * DAY
"""Hours after which a slot that was not learned again is dropped; one that never had ENOUGH spans goes after a day."""
MOST_SERVICES: Final = 200
MOST_KEYS: Final = 150
"""Of one service. Names in telemetry are anybody's to invent: those that come when it is full are not learned."""
MOST_BUCKETS: Final = 100_000
"""In all slots together, about 100 bytes each; beyond, the slots longest not learned are dropped."""
SLOT: Final = 8
"""What an empty slot costs, in buckets."""


@dataclass(slots=True)
class _Slot:
    """`hour`: hours since the epoch, of its newest spans."""

    hour: int
    sketch: Sketch = field(default_factory=Sketch)

    @property
    def cost(self) -> int:
        return len(self.sketch.buckets) + SLOT


class Levels:
    """Folds batches in, gives snapshots. Not thread-safe."""

    def __init__(self) -> None:
        self._slots: OrderedDict[tuple[Key, int], _Slot] = OrderedDict()
        self._hours: dict[str, dict[Key, set[int]]] = {}
        """Service to key to the hours of the day that have a slot."""
        self._revision: dict[str, int] = {}
        self._swept = 0
        self.refused = 0
        """Slots of a batch that found no room, counted since the start."""

    def fold(self, batch: BaselineStore, at: datetime) -> None:
        """Take what was learned from spans of the 24 hours before `at` (UTC)."""
        now = _hour(at)
        for (key, of_day), sketch in batch.sketches.items():
            hour = now - (now - of_day) % DAY
            slot = self._slot(key, of_day, hour)
            if slot is None:
                self.refused += 1
                continue
            if hour > slot.hour:
                slot.sketch.fade(DAILY ** ((hour - slot.hour) / DAY))
                slot.hour = hour
            slot.sketch.merge(sketch)
            count = slot.sketch.count
            if count > FULL:
                slot.sketch.fade(FULL / count)
            self._slots.move_to_end((key, of_day))
            self._revision[key.service] = self._revision.get(key.service, 0) + 1
        if now != self._swept:
            self._swept = now
            for name in [name for name, slot in self._slots.items() if _stale(slot, now)]:
                self._drop(name)
        self._make_room()

    def revisions(self) -> dict[str, int]:
        """By service: a number that rises with every change."""
        return {service: self._revision[service] for service in self._hours}

    def snapshot(self, service: str, at: datetime) -> BaselineStore:
        """A copy of what is usual in one service: this hour and the one before, and all others put together."""
        now, store = _hour(at), BaselineStore()
        exact = {now % DAY, (now - 1) % DAY}
        for key, of_day, sketch in self._of(service):
            name = key, of_day if of_day in exact else OTHER_HOURS
            store.sketches.setdefault(name, Sketch()).merge(sketch)
        return store

    @property
    def size(self) -> tuple[int, int]:
        """Slots and buckets."""
        return len(self._slots), sum(len(s.sketch.buckets) for s in self._slots.values())

    def _of(self, service: str) -> Iterator[tuple[Key, int, Sketch]]:
        for key, hours in self._hours.get(service, {}).items():
            for of_day in sorted(hours):
                yield key, of_day, self._slots[key, of_day].sketch

    def _slot(self, key: Key, of_day: int, hour: int) -> _Slot | None:
        """The slot, made if there is room for one more."""
        known = self._slots.get((key, of_day))
        if known is not None:
            return known
        keys = self._hours.get(key.service)
        if (keys is None and len(self._hours) >= MOST_SERVICES) or (
            keys is not None and key not in keys and len(keys) >= MOST_KEYS
        ):
            return None
        self._hours.setdefault(key.service, {}).setdefault(key, set()).add(of_day)
        slot = self._slots[key, of_day] = _Slot(hour)
        return slot

    def _make_room(self) -> None:
        cost = sum(slot.cost for slot in self._slots.values())
        while cost > MOST_BUCKETS:
            name, slot = next(iter(self._slots.items()))
            cost -= slot.cost
            self._drop(name)

    def _drop(self, name: tuple[Key, int]) -> None:
        key, of_day = name
        del self._slots[name]
        keys = self._hours[key.service]
        keys[key].discard(of_day)
        if not keys[key]:
            del keys[key]
        if keys:
            self._revision[key.service] += 1
        else:
            del self._hours[key.service], self._revision[key.service]


def _hour(at: datetime) -> int:
    return int(at.timestamp() // 3600)


def _stale(slot: _Slot, now: int) -> bool:
    age = now - slot.hour
    return age >= FORGOTTEN or (age >= DAY and slot.sketch.count < ENOUGH)
