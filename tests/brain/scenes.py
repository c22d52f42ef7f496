"""Scenes in the invented shop of tests/scout: some quiet, then faults, and Brain's look at what came of them."""

from __future__ import annotations

import functools
import pickle
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from agents.brain.judge import Seen
from agents.brain.look import Brain
from shared.analysis.trace import Span, Trace
from shared.incident.evidence import observation
from shared.incident.facts import Detected
from shared.incident.parts import Symptom
from shared.incident.replay import Entry, Incident
from shared.incident.status import Status
from shared.ports import Commit, Container, Metrics
from shared.redaction import Redactor
from tests.scout.shop import Shop

QUIET_S = 40.0
Fault = Callable[[Shop], None]


def oom(service: str) -> Fault:
    return lambda shop: shop.die(service, 137, oom=True)


def crash(service: str) -> Fault:
    return lambda shop: shop.die(service, 1)


def hang(service: str) -> Fault:
    def begin(shop: Shop) -> None:
        shop.faults.hanging.add(service)
        shop.containers[service] = replace(shop.containers[service], health="unhealthy")

    return begin


def latency(service: str, seconds: float = 0.4) -> Fault:
    return lambda shop: shop.faults.delay.update({service: seconds})


def errors(service: str, share: float = 0.5) -> Fault:
    return lambda shop: shop.faults.failing.update({service: share})


def refusing(share: float = 0.95) -> Fault:
    return lambda shop: setattr(shop.faults, "refusing", share)


class Recorded:
    """The traces of a scene behind the port that Brain reads."""

    def __init__(self) -> None:
        self.spans: dict[str, list[Span]] = defaultdict(list)

    def services(self) -> tuple[str, ...]:
        return tuple({s.service for spans in self.spans.values() for s in spans})

    def trace(self, trace_id: str) -> Trace | None:
        return Trace(trace_id, tuple(self.spans[trace_id])) if trace_id in self.spans else None

    def traces(
        self, service: str, start: datetime, end: datetime, *, limit: int = 200, errors_only: bool = False
    ) -> tuple[Trace, ...]:
        low, high = start.timestamp() * 1e6, end.timestamp() * 1e6
        found = []
        for trace_id, spans in self.spans.items():
            mine = [s.start_us for s in spans if s.service == service and low <= s.start_us <= high]
            if mine:
                found.append((max(mine), Trace(trace_id, tuple(spans))))
        return tuple(trace for _, trace in sorted(found, key=lambda pair: -pair[0])[:limit])


class Scene:
    """`seen` is what Brain looks at `after` seconds into the faults, for an incident on `service`."""

    def __init__(self, *faults: Fault, after: float = 3.0, seed: int = 1) -> None:
        self.shop, self.recorded = _quiet(seed)
        self.since = self.shop.now
        for fault in faults:
            fault(self.shop)
        self.run(after)
        self.commits: tuple[Commit, ...] = ()

    def run(self, seconds: float) -> None:
        """Let the shop go on."""
        _go_on(self.shop, self.recorded, seconds)

    def incident(self, service: str, symptom: Symptom) -> Incident:
        """As Scout opens it."""
        detected = Detected(
            service=service,
            symptom=symptom,
            fingerprint="f" * 64,
            severity="critical",
            summary=f"{symptom} seen at {service}",
            since=self.since,
            evidence=(observation("event-1", "event", "seen", ["seen"]),),
        )
        entry = Entry(detected, 0, "scout", self.shop.now, self.shop.now, 0, "0" * 64, True)
        return Incident("o/r", 7, "http://x/7", Status.DETECTED, (entry,))

    def seen(self, incident: Incident, metrics: Metrics | None = None) -> Seen:
        """Brain's own look, at this scene."""
        world: Any = _World(self)
        look = (world, self.recorded, world, world, world)
        return Brain(*look, timedelta(hours=1), 3, Redactor(), metrics=metrics).look(incident)


def _go_on(shop: Shop, recorded: Recorded, seconds: float) -> None:
    for _ in range(int(timedelta(seconds=seconds) / shop.tick)):
        for span in shop.step().spans:
            recorded.spans[span.trace_id].append(span)


def _quiet(seed: int) -> tuple[Shop, Recorded]:
    """A shop after its quiet time, run once, and what it left: copies of its own for each scene (spans are frozen)."""
    shop, spans = _run_once(seed)
    recorded = Recorded()
    recorded.spans.update((trace_id, list(of_it)) for trace_id, of_it in spans.items())
    return pickle.loads(shop), recorded


@functools.cache
def _run_once(seed: int) -> tuple[bytes, dict[str, list[Span]]]:
    shop, recorded = Shop(seed), Recorded()
    _go_on(shop, recorded, QUIET_S)
    return pickle.dumps(shop), recorded.spans


class _World:
    """Engine, issues, history and past of a scene."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def managed(self) -> tuple[Container, ...]:
        return tuple(self._scene.shop.containers.values())

    def logs(self, name: str, lines: int = 50) -> str:
        del name, lines
        return "serving\n"

    def now(self) -> datetime:
        return self._scene.shop.now

    def commits(self, since: datetime) -> tuple[Commit, ...]:
        del since
        return self._scene.commits

    def named(self, numbers: Sequence[int]) -> tuple[Incident, ...]:
        return ()

    def recent(self, window: timedelta, besides: int = 0) -> tuple[Incident, ...]:
        del window, besides
        return ()
