"""The patrol's reading: every source on its own, none waits for another, what fails is named."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from agents.scout.look import Pace, Patrol
from agents.scout.observations import HEALTH_URL, Observations
from shared.analysis.trace import Span, Trace
from shared.ports import Container, ContainerEvent, Transient
from shared.stream import Event
from tests.scout.shop import Shop
from tests.scout.world import SERVICES, container


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass
class Engine:
    """Containers as a test sets them, and a live event stream."""

    containers: dict[str, Container]
    down: str = ""
    news: list[ContainerEvent] = field(default_factory=list)
    change: threading.Condition = field(default_factory=threading.Condition)

    def inspect(self, name: str) -> Container:
        return self.containers[name]

    def managed(self) -> tuple[Container, ...]:
        if self.down:
            raise Transient(self.down)
        return tuple(self.containers.values())

    def events(self, since: datetime, stop: Callable[[], bool]) -> Iterator[ContainerEvent]:
        if self.down:
            raise Transient(self.down)
        told = 0
        while not stop():
            with self.change:
                self.change.wait(0.05)
                fresh, told = self.news[told:], len(self.news)
            yield from (e for e in fresh if e.at >= since)

    def logs(self, name: str, lines: int = 50) -> str:
        return ""

    def say(self, event: ContainerEvent) -> None:
        with self.change:
            self.news.append(event)
            self.change.notify_all()


@dataclass
class Store:
    """Traces by service. Counts the questions it was asked."""

    held: list[Trace] = field(default_factory=list)
    down: str = ""
    asked: list[str] = field(default_factory=list)

    def services(self) -> tuple[str, ...]:
        if self.down:
            raise Transient(self.down)
        return tuple(sorted({s.service for t in self.held for s in t.spans}))

    def traces(
        self, service: str, start: datetime, end: datetime, *, limit: int = 200, errors_only: bool = False
    ) -> tuple[Trace, ...]:
        self.asked.append(service)
        return tuple(t for t in self.held if any(s.service == service for s in t.spans))

    def trace(self, trace_id: str) -> Trace | None:
        return None


@dataclass
class Door:
    """Answers health requests; `stuck` ones only when released."""

    refusing: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)
    release: threading.Event = field(default_factory=threading.Event)

    def healthy(self, url: str, timeout: float) -> tuple[bool, str]:
        if url in self.stuck:
            self.release.wait(timeout)
            return False, "timed out"
        return (False, "connection refused") if url in self.refusing else (True, "200")


@dataclass
class Scene:
    engine: Engine
    store: Store
    door: Door
    patrol: Patrol
    nudged: threading.Event


@pytest.fixture
def scene() -> Iterator[Scene]:
    engine = Engine({n: replace(container(n), labels={HEALTH_URL: f"http://{n}/healthz"}) for n in SERVICES})
    store, door, nudged = Store(), Door(), threading.Event()
    pace = Pace(patience=0.5, traces_every=0.0, containers_every=0.0, silent_after=0.3, retry_events=0.05)
    patrol = Patrol(engine, store, door, WallClock(), nudge=nudged.set, control_url="http://127.0.0.1/own", pace=pace)
    patrol.start()
    yield Scene(engine, store, door, patrol, nudged)
    door.release.set()
    patrol.stop()


def wait_for(patrol: Patrol, condition: Callable[[Observations], bool], seconds: float = 10) -> Observations:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = patrol.step()
        if condition(seen):
            return seen
    raise AssertionError("the condition did not come true")


def test_a_step_sees_containers_and_probes_them_by_their_label(scene: Scene) -> None:
    seen = wait_for(scene.patrol, lambda s: len(s.probes) == len(SERVICES))
    assert set(seen.containers) == set(SERVICES)
    assert all(p.ok and p.detail == "200" and p.asked for p in seen.probes.values())
    assert seen.probe_control_ok
    assert not seen.blind


def test_a_failing_source_is_named_and_the_others_go_on(scene: Scene) -> None:
    wait_for(scene.patrol, lambda s: len(s.probes) == len(SERVICES))
    scene.engine.down, scene.store.down = "engine away", "store away"
    seen = wait_for(scene.patrol, lambda s: s.blind.get("traces") == "store away" and len(s.probes) == len(SERVICES))
    assert seen.blind["containers"] == "engine away"
    assert set(seen.containers) == set(SERVICES)
    scene.engine.down = scene.store.down = ""
    wait_for(scene.patrol, lambda s: not s.blind)


def test_a_hanging_probe_holds_up_no_other(scene: Scene) -> None:
    scene.door.stuck.add("http://user-service/healthz")
    seen = wait_for(scene.patrol, lambda s: len(s.probes) == len(SERVICES) - 1)
    assert "user-service" not in seen.probes
    late = wait_for(scene.patrol, lambda s: "user-service" in s.probes)
    assert not late.probes["user-service"].ok
    assert late.probes["user-service"].ms >= 900


def test_a_control_probe_that_fails_is_told(scene: Scene) -> None:
    scene.door.refusing.add("http://127.0.0.1/own")
    wait_for(scene.patrol, lambda s: not s.probe_control_ok)


def test_a_container_event_nudges_and_is_seen_once(scene: Scene) -> None:
    wait_for(scene.patrol, lambda s: bool(s.containers))
    event = ContainerEvent("user-service", "c", "die", datetime.now(UTC), 1)
    for _ in range(3):
        scene.engine.say(event)
    assert scene.nudged.wait(5)
    assert wait_for(scene.patrol, lambda s: bool(s.events)).events == (event,)
    assert not any(scene.patrol.step().events for _ in range(5))


def test_spans_are_seen_once_and_covered_services_are_not_asked_each_time(scene: Scene) -> None:
    shop = Shop()
    spans = [s for _ in range(8) for s in shop.step().spans]
    by_trace: dict[str, list[Span]] = {}
    for span in spans:
        by_trace.setdefault(span.trace_id, []).append(span)
    scene.store.held = [Trace(t, tuple(s)) for t, s in by_trace.items()]
    seen = wait_for(scene.patrol, lambda s: bool(s.spans))
    assert sorted(s.span_id for s in seen.spans) == sorted(s.span_id for s in spans)
    scene.store.asked.clear()
    assert not any(scene.patrol.step().spans for _ in range(10))
    assert set(scene.store.asked) == {"frontend"}


def test_the_fleets_own_services_are_not_looked_at(scene: Scene) -> None:
    own = Span("a" * 32, "b", None, "sre-scout", "step", "server", 0, 1, False)
    scene.store.held = [Trace("a" * 32, (own,))]
    scene.engine.containers["sre-scout"] = container("sre-scout")
    for _ in range(5):
        assert "sre-scout" not in scene.patrol.step().containers
    assert scene.store.asked == []


def test_a_container_that_compose_is_replacing_is_no_service_of_its_own(scene: Scene) -> None:
    passing = "6f69b9bbfbbb_policy-service"
    scene.engine.containers[passing] = container(passing)
    assert set(wait_for(scene.patrol, lambda s: bool(s.probes)).containers) == set(SERVICES)


def test_business_events_are_seen_once(scene: Scene) -> None:
    event = Event("1", "/marketplace/policy-service", "policy.purchased", "P-1", datetime.now(UTC))
    scene.patrol.on_business(event)
    scene.patrol.on_business(event)
    assert scene.patrol.step().business == (event,)
    assert scene.patrol.step().business == ()
