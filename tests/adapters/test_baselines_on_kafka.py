"""What is usual, on its way: learned by Scout, carried by a broker process, heard by Brain; with and without Kafka."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from agents.brain.heard import HeardUsual
from agents.scout.carrier import Carrier
from agents.scout.learner import Learner
from agents.scout.levels import Levels
from agents.scout.watch import Watch
from shared.adapters.kafka import Stream, Subscription
from shared.analysis.rca.baseline_store import BaselineStore
from shared.stream import BASELINE, BASELINES, DEAD_LETTERS, Event
from tests.scout.shop import Shop
from tests.scout.world import patrol
from tests.waiting import wait_for


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def connect() -> Iterator[Callable[[str], Stream]]:
    streams: list[Stream] = []

    def make(bootstrap: str) -> Stream:
        streams.append(Stream(bootstrap, f"tests-{uuid.uuid4().hex[:6]}"))
        return streams[-1]

    yield make
    for stream in streams:
        stream.close(5)


@pytest.fixture(scope="module")
def levels() -> tuple[Levels, datetime]:
    """Two minutes of quiet traffic, learned, and the shop's time then."""
    shop, found = Shop(), Levels()
    patrol(Watch(shop, learner=Learner(found)), 240)
    return found, shop.now


def listen(stream: Stream, heard: HeardUsual) -> Subscription:
    subscription = stream.subscribe((BASELINES,), None, lambda _, event: heard.on_event(event))
    assert subscription.wait_ready(20)
    return subscription


def whole(levels: Levels, at: datetime) -> BaselineStore:
    store = BaselineStore()
    for service in levels.revisions():
        store.merge(levels.snapshot(service, at))
    return store


def touch(stream: Stream) -> None:
    """Have the topic there before anybody reads it."""
    stream.publish(BASELINES, "x", odd("nobody", "not a list"))
    wait_for(lambda: stream.sent == 1)


def odd(service: str, sketches: object) -> Event:
    return Event(str(uuid.uuid4()), "/stranger", BASELINE, service, now(), {"service": service, "sketches": sketches})


def test_brain_hears_all_that_scout_has_learned(
    bootstrap: str, connect: Callable[[str], Stream], levels: tuple[Levels, datetime]
) -> None:
    learned, at = levels
    scout, brain, heard = connect(bootstrap), connect(bootstrap), HeardUsual(lambda: at)
    touch(scout)
    subscription = listen(brain, heard)
    carrier = Carrier(learned, scout)
    for _ in range(10):
        carrier.step(at)
    expected = whole(learned, at).sketches
    assert len({key.service for key, _ in expected}) == 4

    wait_for(lambda: (store := heard.usual()) is not None and len(store.sketches) == len(expected))
    store = heard.usual()
    assert store is not None
    assert store.sketches == expected
    assert subscription.buried == 0


def test_garbage_goes_to_the_dead_letters_and_what_is_known_stays(
    bootstrap: str, connect: Callable[[str], Stream], levels: tuple[Levels, datetime]
) -> None:
    learned, at = levels
    scout, brain, heard = connect(bootstrap), connect(bootstrap), HeardUsual(lambda: at)
    touch(scout)
    letters: list[Event] = []
    scout.publish(DEAD_LETTERS, "x", odd("nobody", None))
    wait_for(lambda: scout.sent == 2)
    reader = connect(bootstrap).subscribe((DEAD_LETTERS,), None, lambda _, event: letters.append(event))
    assert reader.wait_ready(20)
    subscription = listen(brain, heard)
    carrier = Carrier(learned, scout)

    scout.publish(BASELINES, "policy-service", odd("policy-service", [{"key": "run rm -rf"}]))
    scout.publish(BASELINES, "policy-service", odd("policy-service", [{}] * 1_001))
    for _ in range(10):
        carrier.step(at)

    wait_for(lambda: (store := heard.usual()) is not None and store.sketches == whole(learned, at).sketches)
    wait_for(lambda: len(letters) == 2)
    assert subscription.buried == 2
    assert sorted(letter.data["reason"] for letter in letters) == [
        "refused 3 times: a baseline is a list of at most 1000 sketches",
        "refused 3 times: not a baseline store: hour None",
    ]
    subscription.check()


def test_without_kafka_scout_goes_on_and_brain_goes_without(levels: tuple[Levels, datetime]) -> None:
    learned, at = levels
    stream, heard = Stream("127.0.0.1:1", "tests"), HeardUsual(lambda: at)
    stream.subscribe((BASELINES,), None, lambda _, event: heard.on_event(event))
    carrier = Carrier(learned, stream)
    for _ in range(10):
        carrier.step(at)
    assert heard.usual() is None
    stream.close(0.2)
    assert stream.undelivered == 4
