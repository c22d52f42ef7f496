"""What Scout takes for usual, what it leaves out, what it forgets, and what is read back after a start."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from agents.scout.learner import AFTER, BATCH_EVERY, MOST_WAITING, Learner
from agents.scout.levels import FORGOTTEN, FULL, MOST_BUCKETS, MOST_KEYS, MOST_SERVICES, SLOT, Levels
from agents.scout.rebuild import Pace, Rebuild
from agents.scout.traffic import REMEMBERED
from agents.scout.watch import Watch
from shared.analysis.rca.baseline_store import OTHER_HOURS, BaselineStore, Key
from shared.analysis.rca.sketch import Sketch
from shared.analysis.rca.table import Builder
from shared.analysis.rca.tree import grow
from shared.analysis.trace import Span, Trace
from shared.incident.replay import Incident
from shared.ports import Permanent, Transient
from tests.scout.shop import Shop
from tests.scout.test_look import WallClock
from tests.scout.world import START, Log, World, opened, patrol

SERVED = Key("policy-service", "POST /policies", "policy-service")


class Recorded(Shop):
    """A Shop that keeps every span it gave away."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: dict[str, dict[str, Span]] = {}

    def step(self):  # type: ignore[no-untyped-def]
        seen = super().step()
        for span in seen.spans:
            self.spans.setdefault(span.trace_id, {})[span.span_id] = span
        return seen


class Scene:
    """A shop that Scout watches and learns from."""

    def __init__(self) -> None:
        self.shop, self.levels = Recorded(), Levels()
        self.learner = Learner(self.levels)
        self.watch = Watch(self.shop, learner=self.learner)

    def run(self, seconds: float, *incidents: Incident) -> list[object]:
        return list(patrol(self.watch, int(seconds / 0.5), *incidents))

    def drain(self) -> None:
        """No new traffic, until all that is there has been learned or left out."""
        self.shop.traffic = False
        self.run(REMEMBERED.total_seconds() + 2 * BATCH_EVERY.total_seconds())

    def count(self, service: str, operation: str = "") -> float:
        sketches = self.levels.snapshot(service, self.shop.now).sketches
        return sum(s.count for (key, _), s in sketches.items() if operation in ("", key.operation))


def learned_at_once(traces: Iterable[Trace]) -> BaselineStore:
    builder = Builder()
    builder.add_traces(traces, incident=False)
    table, store = builder.table(), BaselineStore()
    store.learn(table, grow(table))
    return store


def test_every_span_of_quiet_traffic_is_learned_once_as_the_analysis_would_from_whole_traces() -> None:
    scene = Scene()
    scene.shop.traffic = False
    scene.run(10)  # services that Scout sees for the first time may just have been started: they teach nothing yet
    scene.shop.traffic = True
    scene.run(60)
    scene.drain()

    expected = learned_at_once(Trace(t, tuple(s.values())) for t, s in scene.shop.spans.items()).sketches
    services = {key.service for key, _ in expected}
    found = {
        name: sketch for s in services for name, sketch in scene.levels.snapshot(s, scene.shop.now).sketches.items()
    }
    assert found == expected
    assert scene.learner.learned == sum(len(s) for s in scene.shop.spans.values()) > 3_000
    assert scene.learner.left_out == 0


def test_what_a_fault_does_is_not_usual_from_its_first_moment_on() -> None:
    scene = Scene()
    scene.run(60)
    scene.shop.faults.delay["policy-service"] = 1.0
    detected = opened(scene.run(20))[0]  # type: ignore[arg-type]
    incident = Log(detected, scene.shop.now).incident
    scene.run(60, incident)

    levels = scene.levels.snapshot("policy-service", scene.shop.now)
    slow = [s.quantile(1.0) for (key, _), s in levels.sketches.items() if key.operation == "POST /policies"]
    assert slow
    assert max(slow) < 400_000


def test_a_service_with_an_incident_and_its_callers_teach_nothing_until_it_is_over_and_others_go_on() -> None:
    scene = Scene()
    scene.run(60)
    scene.shop.faults.failing["policy-service"] = 1.0
    log = Log(opened(scene.run(10))[0], scene.shop.now)  # type: ignore[arg-type]
    scene.run(60, log.incident)
    frozen = {s: scene.count(s) for s in ("frontend", "quote-service", "policy-service")}
    others = scene.count("user-service")
    scene.run(60, log.incident)
    assert {s: scene.count(s) for s in frozen} == frozen
    assert scene.count("user-service") > others

    scene.shop.faults.failing.clear()
    scene.run(10, log.incident)
    log.apply(scene.shop.now)
    log.verify(scene.shop.now)
    closed = log.close(scene.shop.now)
    scene.run(60 + AFTER.total_seconds(), closed)
    assert all(scene.count(s) > was for s, was in frozen.items())


def test_before_the_incidents_are_known_nothing_is_learned() -> None:
    scene = Scene()
    scene.learner.informed = lambda: False
    scene.run(80)
    assert scene.levels.size == (0, 0)
    assert scene.learner.learned == 0


def test_a_span_whose_parent_is_missing_or_whose_clock_is_off_teaches_nothing() -> None:
    levels = Levels()
    learner = Learner(levels)
    us = int(START.timestamp() * 1e6)
    learner.take([span("orphan", "gone", us - 1), span("root", None, us - 1)])
    learner.take([span("late", None, us + 3_600_000_000), span("old", None, us - 8_000_000_000)])
    learner.step(START, (), (), ())
    assert (learner.learned, learner.left_out) == (1, 3)


def test_a_flood_costs_a_step_no_more_than_a_batch_and_one_large_trace_is_learned_whole() -> None:
    learner = Learner(Levels())
    us = int(START.timestamp() * 1e6) - 1
    for n in range(2 * MOST_WAITING):
        learner.take([span(f"{n}", None, us)])
    learner.step(START, (), (), ())
    assert learner.learned == learner.left_out == MOST_WAITING
    learner.take([span("r", None, us), *(span(f"{n}", "r", us) for n in range(2 * MOST_WAITING))])
    learner.step(START, (), (), ())
    assert learner.learned == 3 * MOST_WAITING + 1


def span(span_id: str, parent: str | None, start_us: int, operation: str = "op") -> Span:
    return Span("t" + span_id, span_id, parent, "policy-service", operation, "server", start_us, 1_000, False)


# -- forgetting


def batch(*keys: Key, hour: int = 12, values: Iterable[float] = (1_000.0,) * 100) -> BaselineStore:
    store = BaselineStore()
    for key in keys:
        store.sketches[key, hour] = Sketch()
        store.sketches[key, hour].add(values)
    return store


def test_the_same_hour_of_yesterday_weighs_half() -> None:
    levels = Levels()
    levels.fold(batch(SERVED), START)
    levels.fold(batch(SERVED, values=(9_000.0,) * 100), START + timedelta(days=1))
    sketch = levels.snapshot(SERVED.service, START + timedelta(days=1)).sketches[SERVED, 12]
    assert sketch.count == pytest.approx(150)
    assert sketch.quantile(0.5) == pytest.approx(9_000, rel=0.02)


def test_within_an_hour_the_newest_spans_outweigh_all_before() -> None:
    levels = Levels()
    levels.fold(batch(SERVED, values=[1_000.0] * 100_000), START)
    for _ in range(12):
        levels.fold(batch(SERVED, values=[9_000.0] * 500), START)
    sketch = levels.snapshot(SERVED.service, START).sketches[SERVED, 12]
    assert sketch.count == pytest.approx(FULL, rel=0.01)
    assert sketch.quantile(0.5) == pytest.approx(9_000, rel=0.02)


def test_an_hour_not_seen_for_a_week_is_forgotten_and_one_hardly_known_after_a_day() -> None:
    levels, stranger = Levels(), Key("policy-service", "GET /once", "")
    levels.fold(batch(SERVED), START)
    levels.fold(batch(stranger, values=[5.0]), START)
    levels.fold(BaselineStore(), START + timedelta(days=1))
    assert {key for key, _ in levels.snapshot(SERVED.service, START).sketches} == {SERVED}
    levels.fold(BaselineStore(), START + timedelta(hours=FORGOTTEN))
    assert levels.revisions() == {}
    assert levels.size == (0, 0)


def test_invented_names_find_no_room_and_push_nothing_out() -> None:
    levels = Levels()
    levels.fold(batch(SERVED), START)
    levels.fold(batch(*(Key("policy-service", f"GET /{n}", "") for n in range(1_000))), START)
    levels.fold(batch(*(Key(f"s{n}", "op", "") for n in range(1_000))), START)
    assert levels.size[0] == MOST_KEYS + MOST_SERVICES - 1
    assert levels.refused == 2_000 + 1 - levels.size[0]
    assert (SERVED, 12) in levels.snapshot(SERVED.service, START).sketches


def test_memory_is_bounded_and_what_was_learned_last_stays() -> None:
    levels = Levels()
    wide = [1.05**n for n in range(0, 400)]
    for n in range(20):
        keys = (Key("policy-service", f"GET /{n}/{m}", "") for m in range(20))
        levels.fold(batch(*keys, values=wide), START + timedelta(minutes=n))
    slots, buckets = levels.size
    assert buckets + slots * SLOT <= MOST_BUCKETS
    assert (Key("policy-service", f"GET /{MOST_KEYS // 20 - 1}/0", ""), 12) in levels.snapshot(
        "policy-service", START
    ).sketches


def test_a_snapshot_names_this_hour_and_the_last_and_puts_the_others_together() -> None:
    levels = Levels()
    for hour in range(6):
        levels.fold(batch(SERVED, hour=12 + hour), START + timedelta(hours=hour))
    store = levels.snapshot(SERVED.service, START + timedelta(hours=5))
    assert {hour: sketch.count for (_, hour), sketch in store.sketches.items()} == {17: 100, 16: 100, OTHER_HOURS: 400}
    usual = store.usual(SERVED, 3)
    assert usual is not None
    assert usual.count == 600
    usual.add([1.0])
    assert levels.snapshot(SERVED.service, START + timedelta(hours=5)) == store


# -- read back after a start


class Store:
    """Traces of an hour before START, one a second; it may fail, and remembers what it was asked."""

    def __init__(self, end: datetime, *failures: Exception) -> None:
        self.end, self.failures = end, list(failures)
        self.asked: list[tuple[datetime, datetime]] = []

    def services(self) -> tuple[str, ...]:
        return ("policy-service", "sre-scout")

    def traces(
        self, service: str, start: datetime, end: datetime, *, limit: int = 200, errors_only: bool = False
    ) -> tuple[Trace, ...]:
        assert service == "policy-service"
        if self.failures:
            raise self.failures.pop(0)
        self.asked.append((start, end))
        first = int(start.timestamp())
        return tuple(one_trace(second) for second in range(first, int(end.timestamp())))[-limit:]

    def trace(self, trace_id: str) -> Trace | None:
        return None


def one_trace(second: int) -> Trace:
    return Trace(
        f"t{second}", (Span(f"t{second}", "a", None, SERVED.service, "op", "server", second * 10**6, 5, False),)
    )


def pieces(levels: Levels, store: Store, *incidents: Incident, pace: Pace | None = None) -> Learner:
    """Read back everything and learn it, as the patrol's thread does."""
    learner, clock = Learner(levels, recalling=True), WallClock()
    store.end = clock.now()
    fast = pace or Pace(timedelta(minutes=5), first=0.0, pause=0.001, retry=0.001)
    rebuild = Rebuild(store, clock, learner, fast)
    rebuild.start()
    at, over = clock.now(), False
    while not over:
        over = rebuild.wait(0.001)
        for _ in range(4):
            learner.step(at, (), incidents, ())
    return learner


def test_after_a_start_the_last_minutes_are_read_back_without_the_part_that_the_patrol_reads() -> None:
    levels, store = Levels(), Store(START)
    learner = pieces(levels, store)
    assert len(store.asked) == 5
    assert store.end - max(end for _, end in store.asked) >= timedelta(seconds=59)
    assert learner.learned == pytest.approx(300, abs=5)


def test_windows_that_overlap_an_incident_are_left_out() -> None:
    now = WallClock().now()
    shop = Shop()
    watch = Watch(shop)
    patrol(watch, 100)
    shop.faults.failing["policy-service"] = 1.0
    detected = opened(patrol(watch, 40))[0]
    log = Log(detected.model_copy(update={"since": now - timedelta(minutes=4)}), now - timedelta(minutes=4))
    still_open = pieces(Levels(), Store(START), log.incident)
    assert still_open.learned == pytest.approx(60, abs=3)
    log.apply(now - timedelta(minutes=4))
    log.verify(now - timedelta(minutes=3, seconds=30))
    closed = pieces(Levels(), Store(START), log.close(now - timedelta(minutes=3)))
    assert closed.learned == pytest.approx(60 + 115, abs=5)
    assert closed.learned + closed.left_out == pytest.approx(300, abs=5)


def test_a_trace_read_back_and_seen_live_counts_once() -> None:
    learner = Learner(Levels(), recalling=True)
    second = int(START.timestamp()) - 10
    learner.take(one_trace(second).spans)
    assert learner.offer((one_trace(second), one_trace(second - 1)))
    for n in range(3):
        learner.step(START + timedelta(seconds=n), (), (), ())
    assert learner.learned == 2


def test_older_traces_wait_until_the_incidents_are_known_and_the_reader_waits_for_room() -> None:
    learner = Learner(Levels(), recalling=True)
    learner.informed = lambda: False
    second = int(START.timestamp()) - 10
    assert [learner.offer((one_trace(second - n),)) for n in range(3)] == [True, True, False]
    for n in range(3):
        learner.step(START + timedelta(seconds=n), (), (), ())
    assert learner.learned == 0
    learner.recalled()
    assert learner.recalling
    learner.informed = lambda: True
    for n in range(3):
        learner.step(START + timedelta(seconds=n), (), (), ())
    assert learner.learned == 2
    assert not learner.recalling


def test_a_store_that_stumbles_is_asked_again_and_one_that_is_not_there_is_left_alone() -> None:
    assert pieces(Levels(), Store(START, Transient("busy"), Transient("busy"))).learned > 290
    assert pieces(Levels(), Store(START, *(Transient("away") for _ in range(9)))).learned == 0
    assert pieces(Levels(), Store(START, Permanent("JAEGER_URL is not set"))).learned == 0


def test_a_patrol_without_a_learner_learns_nothing() -> None:
    world = World()
    assert patrol(Watch(world), 3) == []
