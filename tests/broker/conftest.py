"""Brokers for the tests: the embedded one as a real process, and a real Kafka where SRE_TEST_KAFKA names one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Message, Producer

ROOT = Path(__file__).parents[2]


def session_ms(bootstrap: str) -> int:
    """A short session timeout, in ms; a real Kafka accepts nothing below 6 s unless it is configured to."""
    return 6_000 if bootstrap == os.environ.get("SRE_TEST_KAFKA") else 2_000


class EmbeddedBroker:
    """`python -m embedded.broker` as a process that can be killed and started again."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "embedded.broker", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.ready = json.loads(self._process.stdout.readline())
        self.bootstrap: str = self.ready["bootstrap"]
        self.pid = self._process.pid

    @property
    def port(self) -> int:
        return int(self.bootstrap.rpartition(":")[2])

    def down(self) -> None:
        self._process.send_signal(signal.SIGUSR1)

    def up(self) -> None:
        self._process.send_signal(signal.SIGUSR2)

    def kill(self) -> None:
        self._process.kill()
        self._reap()

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        self._process.terminate()
        return self._reap()

    def _reap(self) -> int:
        code = self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code


@pytest.fixture(scope="module")
def shared_broker() -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker()
    yield broker
    assert broker.stop() == 0


@pytest.fixture(params=["embedded", "real"])
def bootstrap(request: pytest.FixtureRequest, shared_broker: EmbeddedBroker) -> str:
    """Where a Kafka listens: the embedded one, then a real one."""
    if request.param == "embedded":
        return shared_broker.bootstrap
    real = os.environ.get("SRE_TEST_KAFKA")
    if not real:
        pytest.skip("SRE_TEST_KAFKA is not set: no real Kafka to hold to the contract")
    return real


class Clients:
    """Producers and consumers that are closed after the test."""

    def __init__(self) -> None:
        self._consumers: list[Consumer] = []

    def producer(self, bootstrap: str) -> Producer:
        return Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "log_level": 0})

    def consumer(self, bootstrap: str, topic: str, group: str | None = None) -> Consumer:
        consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group or uuid.uuid4().hex,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "partition.assignment.strategy": "cooperative-sticky",
                "fetch.wait.max.ms": 10,
                "session.timeout.ms": 6000,
                "log_level": 0,
            }
        )
        consumer.subscribe([topic])
        self._consumers.append(consumer)
        return consumer

    def close(self) -> None:
        for consumer in self._consumers:
            consumer.close()


@pytest.fixture
def clients() -> Iterator[Clients]:
    made = Clients()
    yield made
    made.close()


def read(consumer: Consumer, count: int, seconds: float = 20) -> list[Message]:
    """The next `count` messages; errors of a broker that is away are passed over."""
    found: list[Message] = []
    deadline = time.monotonic() + seconds
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} messages within {seconds} s"
        message = consumer.poll(0.05)
        if message is not None and message.error() is None:
            found.append(message)
    return found
