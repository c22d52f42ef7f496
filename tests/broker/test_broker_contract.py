"""What the fleet relies on in a Kafka, held by the embedded broker and by a real one alike."""

from __future__ import annotations

import uuid

import pytest

from .conftest import Clients, read


@pytest.fixture
def topic() -> str:
    return f"contract.{uuid.uuid4().hex[:12]}"


def test_a_message_reaches_another_client_with_its_key_and_headers(
    bootstrap: str, topic: str, clients: Clients
) -> None:
    producer = clients.producer(bootstrap)
    producer.produce(topic, b"value", key=b"142", headers={"h": b"x"})
    assert producer.flush(10) == 0

    message = read(clients.consumer(bootstrap, topic), 1)[0]

    assert (message.key(), message.value(), message.headers()) == (b"142", b"value", [("h", b"x")])


def test_messages_of_one_key_stay_in_order(bootstrap: str, topic: str, clients: Clients) -> None:
    producer = clients.producer(bootstrap)
    for number in range(200):
        producer.produce(topic, str(number).encode(), key=str(number % 5).encode())
    assert producer.flush(10) == 0

    messages = read(clients.consumer(bootstrap, topic), 200)

    for key in range(5):
        values = [int(m.value() or b"") for m in messages if m.key() == str(key).encode()]
        assert values == sorted(values)
        assert len(values) == 40


def test_a_group_goes_on_after_its_last_commit(bootstrap: str, topic: str, clients: Clients) -> None:
    producer, group = clients.producer(bootstrap), uuid.uuid4().hex
    for value in (b"one", b"two", b"three"):
        producer.produce(topic, value, key=b"same")
    assert producer.flush(10) == 0
    first = clients.consumer(bootstrap, topic, group)
    seen = read(first, 2)
    first.commit(message=seen[0], asynchronous=False)
    first.unsubscribe()
    first.close()

    again = read(clients.consumer(bootstrap, topic, group), 2)

    assert [message.value() for message in again] == [b"two", b"three"]


def test_two_groups_each_get_every_message(bootstrap: str, topic: str, clients: Clients) -> None:
    producer = clients.producer(bootstrap)
    producer.produce(topic, b"to all", key=b"k")
    assert producer.flush(10) == 0

    for _ in range(2):
        assert read(clients.consumer(bootstrap, topic), 1)[0].value() == b"to all"
