"""What Brain takes from the stream as usual: the newest of each producer and service, and nothing that is odd."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.brain.heard import MOST_SENT, HeardUsual
from shared.analysis.rca.baseline_store import Key
from shared.stream import BASELINE, Event, Poison

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def sketch(count: float = 1.0, **changes: Any) -> dict[str, Any]:
    key = ["quote-service", "POST /quotes", "frontend"]
    return {"key": key, "hour": 12, "zeros": 0.0, "buckets": {"100": count}, **changes}


def event(*sketches: Any, source: str = "/sre-space/scout", at: datetime = NOW, **changes: Any) -> Event:
    data = {"service": "quote-service", "sketches": list(sketches), **changes}
    return Event("1", source, BASELINE, "quote-service", at, data)


@pytest.fixture
def heard() -> HeardUsual:
    return HeardUsual(lambda: NOW)


def count(heard: HeardUsual, service: str = "quote-service") -> float:
    store = heard.usual()
    assert store is not None
    found = store.usual(Key(service, "POST /quotes", "frontend"), 12)
    return found.count if found else 0.0


def test_before_anything_was_heard_nothing_is_usual(heard: HeardUsual) -> None:
    assert heard.usual() is None


def test_a_newer_message_takes_the_place_of_the_older_of_the_same_producer_and_service(heard: HeardUsual) -> None:
    heard.on_event(event(sketch(1)))
    assert count(heard) == 1
    heard.on_event(event(sketch(5)))
    assert count(heard) == 5


def test_services_stand_beside_each_other_and_producers_add_up(heard: HeardUsual) -> None:
    heard.on_event(event(sketch(1)))
    heard.on_event(event(sketch(2), source="/other"))
    other = sketch(7, key=["user-service", "POST /quotes", "frontend"])
    heard.on_event(event(other, service="user-service"))
    assert (count(heard), count(heard, "user-service")) == (3, 7)
    assert heard.usual() is heard.usual()


def test_what_was_told_long_ago_is_not_usual_any_more() -> None:
    now = [NOW]
    heard = HeardUsual(lambda: now[0])
    heard.on_event(event(sketch(1)))
    heard.on_event(event(sketch(2), source="/other", at=NOW + timedelta(days=900)))
    now[0] += timedelta(hours=23)
    heard.on_event(event(sketch(4), source="/third"))
    assert count(heard) == 7
    now[0] += timedelta(hours=2)
    assert heard.usual() is None


def test_invented_producers_fill_no_memory(heard: HeardUsual) -> None:
    for n in range(3 * MOST_SENT):
        heard.on_event(event(sketch(1), source=f"/{n}"))
    assert count(heard) == MOST_SENT


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (replace(event(sketch()), type="io.sre-space.wakeup"), "not a baseline"),
        (event(sketch(), service=7), "without a service"),
        (event(sketch(), service="a b\nc"), "without a service"),
        (event(sketch(), service="user-service"), "another service"),
        (event(sketches={"a": 1}), "list of at most"),
        (event(sketches=[sketch()] * 1_001), "list of at most"),
        (event(sketches=None), "list of at most"),
        (event("text"), "no object"),
        (event(sketch(key="quote-service")), "three names"),
        (event(sketch(key=["quote-service", "x" * 301, ""])), "three names"),
        (event(sketch(key=["quote-service", ["x"], ""])), "three names"),
        (event(sketch(hour=24)), "hour"),
        (event(sketch(hour=True)), "hour"),
        (event(sketch(hour=1.5)), "hour"),
        (event(sketch(zeros=-1)), "count"),
        (event(sketch(zeros="1")), "count"),
        (event(sketch(float("nan"))), "count"),
        (event(sketch(float("inf"))), "count"),
        (event(sketch(10**400)), "count"),
        (event(sketch(zeros=True)), "count"),
        (event(sketch(buckets=[1])), "not a sketch"),
        (event(sketch(buckets={"1101": 1})), "bucket"),
        (event(sketch(buckets={"-1": 1})), "bucket"),
        (event(sketch(buckets={"x": 1})), "bucket"),
        (event(sketch(buckets={"1" * 5000: 1})), "bucket"),
        (event(*(sketch(key=["quote-service", f"{n}", ""], buckets={str(i): 1 for i in range(1101)})
                 for n in range(28))), "more than"),
    ],
)  # fmt: skip
def test_what_is_odd_is_poison_and_changes_nothing(heard: HeardUsual, odd: Event, why: str) -> None:
    heard.on_event(event(sketch(3)))
    with pytest.raises(Poison, match=why):
        heard.on_event(odd)
    assert count(heard) == 3


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
entries = st.fixed_dictionaries(
    {},
    optional={
        "key": st.just(["quote-service", "op", ""]) | anything,
        "hour": st.integers(-2, 25) | anything,
        "zeros": st.floats(0, 10) | anything,
        "buckets": st.dictionaries(st.integers(-1, 1_200).map(str), st.floats(0, 1e13), max_size=5) | anything,
    },
)


@given(st.lists(entries | anything, max_size=4) | anything)
@settings(deadline=None)
def test_whatever_comes_it_is_taken_whole_or_refused_as_poison(sketches: Any) -> None:
    heard = HeardUsual(lambda: NOW)
    try:
        heard.on_event(event(sketches=sketches))
    except Poison:
        assert heard.usual() is None
        return
    store = heard.usual()
    assert store is not None
    for found in store.sketches.values():
        if found.count > 0:
            assert 0 <= found.quantile(0.5) < 1e20
    json.dumps(store.as_json())


def test_hearing_and_asking_needs_no_numpy() -> None:
    program = (
        "import sys; from datetime import *; from agents.brain.heard import HeardUsual; from shared.stream import *\n"
        "heard = HeardUsual(lambda: datetime.now(UTC))\n"
        "data = {'service': 'a', 'sketches': [{'key': ['a', 'b', ''], 'hour': 1, 'zeros': 0, 'buckets': {'7': 1}}]}\n"
        "heard.on_event(Event('1', 's', BASELINE, 'a', datetime.now(UTC), data))\n"
        "for (key, hour), sketch in heard.usual().sketches.items(): heard.usual().usual(key, hour).quantile(0.5)\n"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
