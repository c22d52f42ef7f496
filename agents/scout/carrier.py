"""Tells the fleet what is usual: one message a service when it has changed, each whole and small."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta
from typing import Final

from agents.scout.levels import Levels
from shared.analysis.rca.baseline_store import OTHER_HOURS, BaselineStore
from shared.analysis.rca.sketch import Sketch
from shared.ports import Publisher
from shared.stream import BASELINE, BASELINES, Event

EVERY: Final = timedelta(seconds=15)
"""A service that keeps changing is told of so often."""
AGAIN: Final = timedelta(minutes=5)
"""One that has not changed is told of so often, for those who were not there."""
AT_ONCE: Final = 2
"""Messages a step, so that a large system holds up no patrol; those that waited longest go first."""
LARGEST: Final = 190_000
"""Bytes of one message's sketches: below 200 KB with its envelope."""
ENTRY: Final = 60
BUCKET: Final = 15
"""What an entry and each of its buckets take in JSON, at most (`"1091":5000.25,`)."""
SOURCE: Final = "/sre-space/scout"


class Carrier:
    """Called after each step of the patrol, in its thread."""

    def __init__(self, levels: Levels, publisher: Publisher) -> None:
        self._levels, self._publisher = levels, publisher
        self._told: dict[str, tuple[datetime, int]] = {}
        """Service to when, and which revision."""

    def step(self, at: datetime) -> None:
        """Publish what is due at `at` (UTC). Never blocks and never raises for the stream's sake."""
        revisions = self._levels.revisions()
        self._told = {service: told for service, told in self._told.items() if service in revisions}
        due = [service for service, revision in revisions.items() if self._is_due(service, revision, at)]
        never = datetime.min.replace(tzinfo=at.tzinfo)
        due.sort(key=lambda service: (self._told.get(service, (never, 0))[0], service))
        for service in due[:AT_ONCE]:
            self._told[service] = at, revisions[service]
            self._publisher.publish(BASELINES, service, message(service, self._levels.snapshot(service, at), at))

    def _is_due(self, service: str, revision: int, at: datetime) -> bool:
        told, known = self._told.get(service, (None, 0))
        return told is None or at - told >= (AGAIN if known == revision else EVERY)


def message(service: str, store: BaselineStore, at: datetime) -> Event:
    """The event for `store`, which holds keys of `service` only. Its newest and best known parts when it is large.

    `left_out`: how many sketches did not fit.
    """
    order = sorted(store.sketches.items(), key=lambda item: (item[0][1] == OTHER_HOURS, -item[1].count))
    kept, size = BaselineStore(), 0
    for (key, hour), sketch in order:
        size += len(json.dumps(key)) + ENTRY + BUCKET * len(sketch.buckets)
        if size > LARGEST:
            break
        kept.sketches[key, hour] = Sketch({i: round(n, 2) for i, n in sketch.buckets.items()}, round(sketch.zeros, 2))
    return Event(
        id=str(uuid.uuid4()),
        source=SOURCE,
        type=BASELINE,
        subject=service,
        time=at,
        data={"service": service, "sketches": kept.as_json(), "left_out": len(order) - len(kept.sketches)},
    )
