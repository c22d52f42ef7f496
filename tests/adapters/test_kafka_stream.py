"""The Kafka adapter on a broker process: delivery, commits, doubles, poison, slow handlers, a broker that leaves."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer

from shared.adapters.kafka import Stream, link, settings
from shared.ports import Transient
from shared.stream import DEAD_LETTERS, THOUGHTS, WAKEUPS, Event, Poison, decode
from tests.adapters.fenced_broker import FencedBroker
from tests.broker.conftest import EmbeddedBroker, read, session_ms
from tests.waiting import wait_for

Events = list[tuple[str, Event]]


@pytest.fixture
def connect() -> Iterator[Callable[[str], Stream]]:
    streams: list[Stream] = []

    def make(bootstrap: str) -> Stream:
        streams.append(Stream(bootstrap, "tests"))
        return streams[-1]

    yield make
    for stream in streams:
        stream.close(5)


@pytest.fixture
def topic() -> str:
    return f"t.{uuid.uuid4().hex[:12]}"


def event(number: int = 0, **data: Any) -> Event:
    return Event(
        id=f"e{number}",
        source="/tests",
        type="test.happened",
        subject="142",
        time=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
        data={"number": number, **data},
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )


def collector() -> tuple[Events, Callable[[str, Event], None]]:
    seen: Events = []
    return seen, lambda topic, one: seen.append((topic, one))


def numbers(seen: Events) -> list[int]:
    return [one.data["number"] for _, one in seen]


def raw(bootstrap: str, topic: str, *values: bytes) -> None:
    """Put bytes on a topic without the adapter."""
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 4_000_000, "log_level": 0})
    refused: list[str] = []
    for value in values:
        producer.produce(
            topic, value, key=b"k", on_delivery=lambda error, _: refused.append(str(error)) if error else None
        )
    assert producer.flush(10) == 0
    assert refused == []


def test_an_event_arrives_whole_and_in_order(bootstrap: str, topic: str, connect: Callable[[str], Stream]) -> None:
    stream, (seen, on_event) = connect(bootstrap), collector()
    raw(bootstrap, topic, event(-1).encode())
    subscription = stream.subscribe([topic], None, on_event)
    assert subscription.wait_ready(20)

    for number in range(50):
        stream.publish(topic, "142", event(number))

    wait_for(lambda: len(seen) >= 50)
    assert seen == [(topic, event(number)) for number in range(50)]
    wait_for(lambda: stream.sent == 50)
    assert stream.undelivered == 0


def test_every_process_of_a_group_of_its_own_sees_every_wake_up(
    bootstrap: str, topic: str, connect: Callable[[str], Stream]
) -> None:
    streams = [connect(bootstrap), connect(bootstrap)]
    collected = [collector(), collector()]
    raw(bootstrap, topic, event(0).encode())
    for stream, (_, on_event) in zip(streams, collected, strict=True):
        assert stream.subscribe([topic], None, on_event).wait_ready(20)

    streams[0].publish(topic, "1", event(1))

    for seen, _ in collected:
        wait_for(lambda seen=seen: numbers(seen) == [1])  # type: ignore[misc]


def test_the_same_source_and_id_is_handled_once(bootstrap: str, topic: str, connect: Callable[[str], Stream]) -> None:
    stream, (seen, on_event) = connect(bootstrap), collector()
    subscription = stream.subscribe([topic], None, on_event, start="earliest")

    raw(bootstrap, topic, event(1).encode(), event(1).encode(), event(2).encode())

    wait_for(lambda: numbers(seen) == [1, 2])
    assert subscription.doubles == 1


def test_what_was_handled_is_committed_and_what_was_not_comes_again(
    bootstrap: str, topic: str, connect: Callable[[str], Stream]
) -> None:
    raw(bootstrap, topic, event(1).encode(), event(2).encode())
    stuck, group = threading.Event(), uuid.uuid4().hex
    first: list[int] = []

    def stops_at_two(_: str, one: Event) -> None:
        first.append(one.data["number"])
        if one.data["number"] == 2:
            stuck.wait(20)

    died = connect(bootstrap)
    died.subscribe([topic], group, stops_at_two, start="earliest", session_timeout_ms=session_ms(bootstrap))
    wait_for(lambda: first == [1, 2])
    died.close(10)  # the handler of 2 is still at work: its event must not count as done
    stuck.set()
    seen, on_event = collector()
    connect(bootstrap).subscribe([topic], group, on_event, start="earliest", session_timeout_ms=session_ms(bootstrap))

    wait_for(lambda: numbers(seen) == [2])


def dead_letters(bootstrap: str, of: str, count: int) -> list[Event]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"})
    consumer.subscribe([DEAD_LETTERS])
    found: list[Event] = []
    try:
        while len(found) < count:
            letter = decode(read(consumer, 1)[0].value() or b"")
            found += [letter] if letter.data["topic"] == of else []
    finally:
        consumer.close()
    return found


def test_unreadable_and_poisonous_events_become_dead_letters_with_a_reason_and_the_rest_goes_on(
    bootstrap: str, topic: str, connect: Callable[[str], Stream]
) -> None:
    tried: list[int] = []
    seen: Events = []

    def picky(at: str, one: Event) -> None:
        tried.append(one.data["number"])
        if one.data["number"] == 13:
            raise Poison("thirteen")
        seen.append((at, one))

    stream = connect(bootstrap)
    subscription = stream.subscribe([topic], None, picky, start="earliest")
    raw(bootstrap, topic, b"\xff not json", b"{}", event(13).encode(), event(5, pad="x" * 1_010_000).encode())
    raw(bootstrap, topic, event(1).encode())

    wait_for(lambda: numbers(seen) == [1])
    assert tried.count(13) == 3
    assert subscription.buried == 4
    letters = dead_letters(bootstrap, topic, 4)
    values = {letter.data["reason"]: letter.data["value"] for letter in letters}
    assert values.keys() == {
        "not JSON",
        "not a CloudEvent 1.0",
        "refused 3 times: thirteen",
        f"{len(event(5, pad='x' * 1_010_000).encode())} bytes are more than 1000000",
    }
    assert values["not JSON"] == "\ufffd not json"
    assert {letter.data["key"] for letter in letters} == {"k"}
    assert len({letter.id for letter in letters}) == 4


def test_a_handler_that_says_later_is_given_the_event_again(
    bootstrap: str, topic: str, connect: Callable[[str], Stream]
) -> None:
    tried: list[int] = []

    def later(_: str, one: Event) -> None:
        tried.append(one.data["number"])
        if len(tried) < 5:
            raise Transient("GitHub is away", retry_after=0.05)

    subscription = connect(bootstrap).subscribe([topic], None, later, start="earliest")
    raw(bootstrap, topic, event(1).encode(), event(2).encode())

    wait_for(lambda: tried == [1, 1, 1, 1, 1, 2])
    assert subscription.buried == 0


def test_a_slow_handler_keeps_its_place_in_the_group(
    bootstrap: str, topic: str, connect: Callable[[str], Stream]
) -> None:
    raw(bootstrap, topic, event(1).encode(), event(2).encode())
    seen: Events = []
    limit = session_ms(bootstrap)

    def slow(at: str, one: Event) -> None:
        time.sleep((limit + 1_500) / 1000 if one.data["number"] == 1 else 0)  # this IS the slowness
        seen.append((at, one))

    stream = connect(bootstrap)
    subscription = stream.subscribe(
        [topic], "slow-" + topic, slow, start="earliest", session_timeout_ms=limit, max_poll_interval_ms=limit + 500
    )

    wait_for(lambda: numbers(seen) == [1, 2], 20)
    subscription.check()


def test_a_bug_in_a_handler_ends_the_reading_loudly_and_the_event_is_not_committed(
    bootstrap: str, topic: str, connect: Callable[[str], Stream]
) -> None:
    def buggy(_: str, one: Event) -> None:
        raise KeyError(one.id)

    stream, group = connect(bootstrap), "bug-" + topic
    subscription = stream.subscribe([topic], group, buggy, start="earliest", session_timeout_ms=session_ms(bootstrap))
    raw(bootstrap, topic, event(1).encode())

    wait_for(lambda: subscription.failure)
    with pytest.raises(RuntimeError):
        subscription.check()
    seen, on_event = collector()
    stream.subscribe([topic], group, on_event, start="earliest", session_timeout_ms=session_ms(bootstrap))
    wait_for(lambda: numbers(seen) == [1])


def test_events_that_cannot_be_sent_are_counted_and_nothing_is_raised(
    bootstrap: str, topic: str, connect: Callable[[str], Stream]
) -> None:
    stream = connect(bootstrap)

    stream.publish(topic, "k", event(1, pad="x" * 2_000_000))
    stream.publish(topic, "k", event(2, what=object()))

    wait_for(lambda: stream.undelivered == 2)


def test_publishing_without_kafka_never_blocks_and_is_counted(connect: Callable[[str], Stream]) -> None:
    stream = Stream("127.0.0.1:1", "tests")
    began = time.monotonic()

    for number in range(12_000):
        stream.publish(THOUGHTS, "k", event(number))

    assert time.monotonic() - began < 5
    assert stream.undelivered >= 2_000
    stream.close(0.2)
    assert stream.undelivered == 12_000
    assert stream.sent == 0


class Told:
    """What the owner of a subscription was told, and when."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def down(self) -> None:
        self.words.append("down")

    def up(self) -> None:
        self.words.append("up")


def anew(caplog: pytest.LogCaptureFixture) -> set[str]:
    """Why clients were made anew."""
    said = [r.message.partition("connecting anew: ")[2] for r in caplog.records]
    return {what.partition(" for ")[0] for what in said if what}


@pytest.mark.parametrize("how", ["port closed", "hanging", "killed"])
def test_a_broker_that_leaves_is_told_within_ten_seconds_and_its_return_too(
    how: str, connect: Callable[[str], Stream]
) -> None:
    broker, told, (seen, on_event) = EmbeddedBroker(), Told(), collector()
    try:
        stream = connect(broker.bootstrap)
        subscription = stream.subscribe([WAKEUPS], None, on_event, told.down, told.up, session_timeout_ms=2_000)
        assert subscription.wait_ready(20)
        stream.publish(WAKEUPS, "1", event(1))
        wait_for(lambda: numbers(seen) == [1])
        match how:
            case "port closed":
                broker.down()
            case "hanging":
                os.kill(broker.pid, signal.SIGSTOP)
            case "killed":
                broker.kill()

        wait_for(lambda: told.words == ["down"], 10)
        assert not subscription.up
        stream.publish(WAKEUPS, "1", event(2))
        match how:
            case "port closed":
                broker.up()
            case "hanging":
                os.kill(broker.pid, signal.SIGCONT)
            case "killed":
                broker = EmbeddedBroker("--port", str(broker.port))
        wait_for(lambda: told.words == ["down", "up"], 10)
        stream.publish(WAKEUPS, "1", event(3))

        wait_for(lambda: sorted(numbers(seen)) == [1, 2, 3], 15)
        subscription.check()
    finally:
        stream.close(5)
        broker.stop()


def test_clients_that_were_long_without_kafka_are_made_anew_and_go_on_where_they_were(
    connect: Callable[[str], Stream], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also one that gave an event up."""
    monkeypatch.setattr(link, "ANEW_AFTER", 0.5)
    monkeypatch.setitem(settings.PRODUCER, "message.timeout.ms", 1_000)
    caplog.set_level("INFO", "shared.adapters.kafka")
    broker, told, (seen, on_event) = EmbeddedBroker(), Told(), collector()
    try:
        stream = connect(broker.bootstrap)
        subscription = stream.subscribe([WAKEUPS], None, on_event, told.down, told.up, session_timeout_ms=2_000)
        assert subscription.wait_ready(20)
        stream.publish(WAKEUPS, "1", event(1))
        wait_for(lambda: numbers(seen) == [1])
        broker.down()
        stream.publish(WAKEUPS, "1", event(2))
        wait_for(lambda: anew(caplog) == {"no Kafka", "an event"}, 20)
        assert stream.undelivered == 1
        broker.up()
        wait_for(lambda: told.words[-1] == "up", 15)
        stream.publish(WAKEUPS, "1", event(3))
        wait_for(lambda: numbers(seen) == [1, 3], 15)
        subscription.check()
    finally:
        stream.close(5)
        broker.stop()


@pytest.fixture
def fenced() -> Iterator[FencedBroker]:
    with FencedBroker(WAKEUPS) as broker:
        yield broker


@pytest.mark.timeout(120)
def test_a_reader_that_forgot_the_broker_for_it_heard_of_none_finds_it_again(
    fenced: FencedBroker, connect: Callable[[str], Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of librdkafka's clients is lost that way now and then: of six, one in 20 s. Hence a dozen."""
    monkeypatch.setattr(link, "ANEW_AFTER", 3.0)
    seen, on_event = collector()
    readers = [connect(fenced.bootstrap).subscribe([WAKEUPS], None, on_event) for _ in range(12)]
    assert all(reader.wait_ready(20) for reader in readers)
    fenced.leave()
    wait_for(lambda: not any(reader.up for reader in readers), 10)
    fenced.come(fenced=True)
    wait_for(lambda: all(reader.up for reader in readers), 20)
    wait_for(lambda: not all(reader.up for reader in readers), 60, "one is lost")
    fenced.come()
    wait_for(lambda: all(reader.up for reader in readers), 20, "all have found it again")
    connect(fenced.bootstrap).publish(WAKEUPS, "1", event(1))
    wait_for(lambda: numbers(seen) == [1] * 12, 20)


def test_kafka_absent_from_the_start_is_told_and_found_when_it_appears(connect: Callable[[str], Stream]) -> None:
    broker = EmbeddedBroker()
    broker.down()
    told, (seen, on_event) = Told(), collector()
    try:
        stream = connect(broker.bootstrap)
        subscription = stream.subscribe([WAKEUPS], None, on_event, told.down, told.up, session_timeout_ms=2_000)
        wait_for(lambda: told.words == ["down"], 10)

        broker.up()

        wait_for(lambda: told.words == ["down", "up"], 10)
        assert subscription.wait_ready(15)
        stream.publish(WAKEUPS, "1", event(1))
        wait_for(lambda: numbers(seen) == [1])
    finally:
        stream.close(5)
        broker.stop()
