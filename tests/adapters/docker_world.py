"""Container engines as the contract tests see them: the twin in memory, and the adapter on a docker host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import docker

from shared.adapters.docker import DockerHands, ReadOnlyDocker
from shared.ports import Engine, Hands
from shared.testing.clock import VirtualClock
from shared.testing.engine import MemoryEngine
from tests.engine.hosts import WAITING, Host, has_said_up
from tests.waiting import wait_for

FAILING = "import time; print('up', flush=True); time.sleep(0.3); raise SystemExit(3)"


class ContainerWorld(Protocol):
    """An engine, what may be done through it, and what a test does to it behind its back."""

    engine: Engine
    hands: Hands

    def name(self, short: str) -> str:
        """The full name of the test's container `short`."""
        ...

    def start(self, short: str, *, managed: bool = True) -> None:
        """A running container that has written `up`."""
        ...

    def fail(self, short: str) -> None:
        """A container that has ended with exit code 3."""
        ...

    def remove(self, short: str) -> None: ...

    def now(self) -> datetime: ...


class TwinWorld:
    """The engine in memory."""

    def __init__(self) -> None:
        self._clock = VirtualClock()
        self._memory = MemoryEngine(self._clock)
        self.engine: Engine = self._memory
        self.hands: Hands = self._memory

    def name(self, short: str) -> str:
        return short

    def start(self, short: str, *, managed: bool = True) -> None:
        self._memory.add(short, managed=managed)
        self._memory.say(short, "up")

    def fail(self, short: str) -> None:
        self.start(short)
        self._memory.kill(short, exit_code=3)

    def remove(self, short: str) -> None:
        self._memory.remove(short)

    def now(self) -> datetime:
        return self._clock.now()


class DockerWorld:
    """The adapter on a docker host."""

    def __init__(self, address: str, host: Host) -> None:
        self._host = host
        self._reading = ReadOnlyDocker(address)
        self._writing = DockerHands(address)
        self.engine: Engine = self._reading
        self.hands: Hands = self._writing

    def name(self, short: str) -> str:
        return f"{self._host.mark}-{short}"

    def start(self, short: str, *, managed: bool = True) -> None:
        self._host.run(WAITING, short, labels={"sre-space.managed": "true"} if managed else {})

    def fail(self, short: str) -> None:
        container = self._host.create(FAILING, short, labels={"sre-space.managed": "true"})
        container.start()
        wait_for(lambda: has_said_up(container), what="the program is up")
        wait_for(lambda: not self._reading.inspect(self.name(short)).running, what="the program has ended")

    def remove(self, short: str) -> None:
        self._host.client.containers.get(self.name(short)).remove(force=True)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def close(self) -> None:
        self._reading.close()
        self._writing.close()


@dataclass(frozen=True)
class DockerHost:
    """Where a docker host listens, and what to run there."""

    address: str
    image: str
    python: str
    embedded: bool


@contextmanager
def on(where: DockerHost) -> Iterator[DockerWorld]:
    """A DockerWorld whose containers are removed at the end."""
    client = docker.DockerClient(base_url=where.address, timeout=30)
    host = Host(client, where.image, where.python, embedded=where.embedded)
    world = DockerWorld(where.address, host)
    try:
        yield world
    finally:
        host.cleanup()
        world.close()
        client.close()
