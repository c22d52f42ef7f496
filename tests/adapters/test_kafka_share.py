"""Members of a group share the keys: each knows which are its own, and what one leaves behind comes to the others."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from mission_control.fleet.topics import make_topics, partitions_of
from shared.adapters.kafka import Stream, Subscription
from shared.adapters.kafka.share import UNDECIDED_FOR, Share, murmur2, partition_of
from shared.stream import TOPICS, Event
from tests.broker.conftest import session_ms
from tests.waiting import wait_for

KEYS = [str(number) for number in range(1, 61)]


def test_keys_are_hashed_as_kafka_hashes_them() -> None:
    # the vectors of Kafka's own UtilsTest.testMurmur2
    known = {
        b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536,
        b"a-little-bit-longer-string": -1486304829, b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
        b"abc": 479470107,
    }  # fmt: skip
    assert {data: murmur2(data) for data in known} == {data: value & 0xFFFFFFFF for data, value in known.items()}


def test_before_anything_is_assigned_nothing_is_held_and_after_long_all_is() -> None:
    now = [0.0]
    share = Share(lambda: now[0])
    assert not share.holds("7")
    now[0] = UNDECIDED_FOR + 1
    assert share.holds("7")


def test_a_share_follows_what_comes_and_goes() -> None:
    share = Share()
    share.take([0, 1], 4)
    assert {key for key in KEYS if share.holds(key)} == {key for key in KEYS if partition_of(key, 4) in (0, 1)}
    share.give([0])
    share.take([3], 4)
    assert {key for key in KEYS if share.holds(key)} == {key for key in KEYS if partition_of(key, 4) in (1, 3)}
    share.give([1, 3])
    assert not any(share.holds(key) for key in KEYS)


class Member:
    """One process of a role."""

    def __init__(self, bootstrap: str, topic: str, group: str) -> None:
        self.seen: list[str] = []
        self.shares = 0
        self.stream = Stream(bootstrap, f"member-{uuid.uuid4().hex[:6]}")
        self.subscription: Subscription = self.stream.subscribe(
            [topic], group, lambda _, event: self.seen.append(event.subject),
            session_timeout_ms=session_ms(bootstrap), on_share=self._shared,
        )  # fmt: skip

    def _shared(self) -> None:
        self.shares += 1

    @property
    def held(self) -> set[str]:
        return {key for key in KEYS if self.subscription.holds(key)}


def publish(stream: Stream, topic: str) -> None:
    for key in KEYS:
        at = datetime(2026, 1, 2, tzinfo=UTC)
        stream.publish(topic, key, Event(uuid.uuid4().hex, "/tests", "test.wake", key, at, {"issue": int(key)}))


def make(bootstrap: str, topic: str) -> None:
    """The topic with several partitions: asked for where the broker can be asked, else by writing to it."""
    if bootstrap == os.environ.get("SRE_TEST_KAFKA"):
        admin = AdminClient({"bootstrap.servers": bootstrap})
        admin.create_topics([NewTopic(topic, 6, 1)])[topic].result(20)
        return
    maker = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    maker.produce(topic, b"made", key=b"k")
    assert maker.flush(10) == 0


def test_each_key_comes_to_the_one_member_that_holds_it_and_moves_when_that_one_leaves(bootstrap: str) -> None:
    topic, group = f"t.{uuid.uuid4().hex[:10]}", f"g-{uuid.uuid4().hex[:10]}"
    make(bootstrap, topic)
    one = Member(bootstrap, topic, group)
    try:
        assert one.subscription.wait_ready(20)
        two = Member(bootstrap, topic, group)
        try:
            wait_for(lambda: one.held and two.held and not one.held & two.held and one.held | two.held == set(KEYS), 30)
            publish(one.stream, topic)
            wait_for(lambda: len(one.seen) + len(two.seen) >= len(KEYS), 20)
            assert sorted(one.seen + two.seen) == sorted(KEYS)
            assert (set(one.seen), set(two.seen)) == (one.held, two.held)
            before = one.shares
        finally:
            two.stream.close(5)
        wait_for(lambda: one.held == set(KEYS), 30)
        wait_for(lambda: one.shares > before, 10)
    finally:
        one.stream.close(5)


def test_doctor_makes_the_topics_with_partitions_and_does_nothing_twice() -> None:
    real = os.environ.get("SRE_TEST_KAFKA")
    if not real:
        pytest.skip("SRE_TEST_KAFKA is not set: the embedded broker cannot be asked to make a topic")
    make_topics(real, 4)
    assert all(count >= 4 for count in partitions_of(real).values())
    most = max(partitions_of(real).values())
    assert set(make_topics(real, most + 1)) == set(TOPICS)
    assert set(partitions_of(real).values()) == {most + 1}
    assert make_topics(real, most + 1) == ()


def test_topics_of_a_kafka_that_is_not_there_are_an_error() -> None:
    with pytest.raises(OSError, match=r"."):
        partitions_of("127.0.0.1:9", 1.0)
