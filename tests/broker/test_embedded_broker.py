"""What is particular to the embedded broker: its address, its topics, and how it goes away and comes back."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import psutil

from tests.machine import free_ports
from tests.waiting import wait_for

from .conftest import Clients, EmbeddedBroker, read


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_topics_of_the_fleet_are_there_from_the_start(shared_broker: EmbeddedBroker, clients: Clients) -> None:
    known = clients.producer(shared_broker.bootstrap).list_topics(timeout=10)

    partitions = {name: len(topic.partitions) for name, topic in known.topics.items()}
    assert partitions["business.events"] == partitions["sre.wakeups"] == 4
    assert {"sre.thoughts", "sre.heartbeats", "sre.dead-letters"} <= partitions.keys()


def test_clients_are_sent_to_the_address_it_announced(shared_broker: EmbeddedBroker, clients: Clients) -> None:
    brokers = clients.producer(shared_broker.bootstrap).list_topics(timeout=10).brokers

    assert [f"{broker.host}:{broker.port}" for broker in brokers.values()] == [shared_broker.bootstrap]


def test_it_stays_small(shared_broker: EmbeddedBroker) -> None:
    assert psutil.Process(shared_broker.pid).memory_info().rss < 60e6


def test_a_free_port_is_honoured_and_a_taken_one_is_replaced() -> None:
    port = free_ports(1)
    first = EmbeddedBroker("--port", str(port))
    second = EmbeddedBroker("--port", str(port))
    try:
        assert first.port == port
        assert second.port not in (0, port)
    finally:
        second.stop()
        first.stop()


def test_the_port_is_remembered_in_the_data_folder(tmp_path: Path) -> None:
    first = EmbeddedBroker("--data", str(tmp_path))
    first.kill()
    second = EmbeddedBroker("--data", str(tmp_path))
    try:
        assert second.port == first.port
    finally:
        second.stop()


def test_sigterm_ends_it_within_three_seconds() -> None:
    broker = EmbeddedBroker()
    began = time.monotonic()

    assert broker.stop() == 0
    assert time.monotonic() - began < 3


def test_down_closes_the_port_and_up_brings_the_messages_back(clients: Clients) -> None:
    broker = EmbeddedBroker()
    try:
        producer = clients.producer(broker.bootstrap)
        producer.produce("sre.thoughts", b"before")
        assert producer.flush(10) == 0
        broker.down()
        wait_for(lambda: not accepts(broker.port))
        producer.produce("sre.thoughts", b"while it was away")
        broker.up()

        values = [message.value() for message in read(clients.consumer(broker.bootstrap, "sre.thoughts"), 2)]

        assert values == [b"before", b"while it was away"]
    finally:
        broker.stop()


def test_clients_find_it_again_after_kill_9_and_a_restart(clients: Clients) -> None:
    broker = EmbeddedBroker()
    producer, consumer = clients.producer(broker.bootstrap), clients.consumer(broker.bootstrap, "sre.thoughts")
    producer.produce("sre.thoughts", b"before")
    assert [message.value() for message in read(consumer, 1)] == [b"before"]
    broker.kill()
    broker = EmbeddedBroker("--port", str(broker.port))
    try:
        producer.produce("sre.thoughts", b"after")

        assert [message.value() for message in read(consumer, 1)] == [b"after"]
    finally:
        broker.stop()
