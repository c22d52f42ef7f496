"""How Scout tells what is usual: when something changed, again for newcomers, never much at once, never too large."""

from __future__ import annotations

from datetime import timedelta

from agents.scout.carrier import AGAIN, AT_ONCE, EVERY, Carrier, message
from agents.scout.levels import Levels
from shared.analysis.rca.baseline_store import OTHER_HOURS, BaselineStore, Key
from shared.analysis.rca.sketch import Sketch
from shared.stream import BASELINE, BASELINES, decode
from tests.runtime.fleet import Heard
from tests.scout.world import START

STEP = timedelta(seconds=0.5)


def learned(*services: str, value: float = 1_000.0) -> BaselineStore:
    store = BaselineStore()
    for service in services:
        store.sketches[Key(service, "op", ""), 12] = sketch = Sketch()
        sketch.add([value] * 50)
    return store


def test_a_change_is_told_within_fifteen_seconds_and_not_more_often() -> None:
    levels, heard = Levels(), Heard()
    carrier = Carrier(levels, heard)
    for n in range(120):
        levels.fold(learned("quote-service"), START + n * STEP)
        carrier.step(START + n * STEP)
    assert len(heard.events) == timedelta(seconds=60) / EVERY
    topic, key, event = heard.events[-1]
    assert (topic, key, event.type, event.subject) == (BASELINES, "quote-service", BASELINE, "quote-service")
    told = BaselineStore.from_json(event.data["sketches"])
    assert told.sketches[Key("quote-service", "op", ""), 12].count == 91 * 50


def test_what_has_not_changed_is_told_again_for_those_who_were_not_there() -> None:
    levels, heard = Levels(), Heard()
    carrier = Carrier(levels, heard)
    levels.fold(learned("quote-service"), START)
    for n in range(int(2 * AGAIN / STEP)):
        carrier.step(START + n * STEP)
    assert len(heard.events) == 2
    assert heard.events[0][2].id != heard.events[1][2].id


def test_a_step_tells_of_few_services_and_all_get_their_turn() -> None:
    levels, heard = Levels(), Heard()
    carrier = Carrier(levels, heard)
    names = [f"s{n}" for n in range(20)]
    for n in range(60):
        levels.fold(learned(*names), START + n * STEP)
        before = len(heard.events)
        carrier.step(START + n * STEP)
        assert len(heard.events) - before <= AT_ONCE
    assert {key for _, key, _ in heard.events} == set(names)


def test_a_large_service_fits_a_message_with_its_newest_and_best_known_parts() -> None:
    store = BaselineStore()
    for n in range(200):
        for hour in (12, 11, OTHER_HOURS):
            key = Key("quote-service", f"GET /{'ü' * 100}/{n}", "frontend")
            store.sketches[key, hour] = Sketch(dict.fromkeys(range(100), 1.0 + n / 3))
    event = message("quote-service", store, START)
    sent = event.encode()
    assert 100_000 < len(sent) < 200_000
    told = BaselineStore.from_json(decode(sent).data["sketches"])
    assert event.data["left_out"] == 600 - len(told.sketches)
    assert {hour for _, hour in told.sketches} <= {11, 12}
    assert (Key("quote-service", f"GET /{'ü' * 100}/199", "frontend"), 12) in told.sketches


def test_fractions_that_fading_leaves_are_told_to_a_hundredth() -> None:
    store = BaselineStore({(Key("a", "b", ""), 1): Sketch({7: 1 / 3}, 2 / 3)})
    assert message("a", store, START).data["sketches"] == [
        {"key": ["a", "b", ""], "hour": 1, "zeros": 0.67, "buckets": {"7": 0.33}}
    ]


def test_a_service_that_is_forgotten_is_not_told_of() -> None:
    levels, heard = Levels(), Heard()
    carrier = Carrier(levels, heard)
    levels.fold(learned("quote-service"), START)
    carrier.step(START)
    levels.fold(BaselineStore(), START + timedelta(days=8))
    carrier.step(START + timedelta(days=8))
    assert len(heard.events) == 1
