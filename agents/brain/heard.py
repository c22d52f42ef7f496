"""What is usual, as Scout tells it on the stream. Data to compare with, never an instruction."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.analysis.rca.baseline_store import BaselineStore
from shared.incident.evidence import SERVICE_NAME
from shared.stream import BASELINE, Event, Poison

MOST_SENT: Final = 500
"""Producers and services that are remembered; the ones longest not heard of make room."""
MOST_SKETCHES: Final = 1_000
MOST_BUCKETS: Final = 30_000
"""Of one message."""
STALE: Final = timedelta(hours=24)
"""What was told longer ago is not taken for usual any more."""


@dataclass(frozen=True, slots=True)
class _Told:
    at: datetime
    store: BaselineStore


class HeardUsual:
    """Fulfils `shared.ports.Usual`. Thread-safe. `now`: this process's clock (UTC)."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._told: OrderedDict[tuple[str, str], _Told] = OrderedDict()
        self._merged: BaselineStore | None = None
        """All that is told, put together; None when it must be put together again."""

    def on_event(self, event: Event) -> None:
        """Take the place of what the same producer told of the same service. Raises Poison for anything odd."""
        service, store = _read(event)
        with self._lock:
            self._told[event.source, service] = _Told(min(event.time, self._now()), store)
            self._told.move_to_end((event.source, service))
            if len(self._told) > MOST_SENT:
                self._told.popitem(last=False)
            self._merged = None

    def usual(self) -> BaselineStore | None:
        """All services of all producers merged. None before anything was heard, or when all of it is stale."""
        oldest = self._now() - STALE
        with self._lock:
            stale = [name for name, told in self._told.items() if told.at < oldest]
            for name in stale:
                del self._told[name]
            if not self._told:
                return None
            if self._merged is None or stale:
                self._merged = BaselineStore()
                for told in self._told.values():
                    self._merged.merge(told.store)
            return self._merged


def _read(event: Event) -> tuple[str, BaselineStore]:
    service, sketches = event.data.get("service"), event.data.get("sketches")
    if event.type != BASELINE:
        raise Poison(f"not a baseline: type {event.type[:80]!r}")
    if not isinstance(service, str) or not SERVICE_NAME.fullmatch(service):
        raise Poison("a baseline without a service")
    if not isinstance(sketches, list) or len(sketches) > MOST_SKETCHES:
        raise Poison(f"a baseline is a list of at most {MOST_SKETCHES} sketches")
    try:
        store = BaselineStore.from_json(sketches)
    except ValueError as error:
        raise Poison(str(error)) from error
    if any(key.service != service for key, _ in store.sketches):
        raise Poison("a baseline speaks of another service than it says")
    if sum(len(sketch.buckets) for sketch in store.sketches.values()) > MOST_BUCKETS:
        raise Poison(f"a baseline of more than {MOST_BUCKETS} buckets")
    return service, store
