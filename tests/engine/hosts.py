"""Docker hosts as the tests see them: an embedded engine to start and kill, and containers marked by their test."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container

from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]
LABEL = "engine-test"
WAITING = (
    "import signal,sys,time\n"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
    "print('up', flush=True)\n"
    "while True: time.sleep(0.05)\n"
)
"""A program that prints `up`, waits, and ends with 0 on SIGTERM."""


class EngineProcess:
    """`python -m embedded.engine` on a folder of its own; can be killed and started again on the same folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="eng-"))
        self.socket = self.folder / "d.sock"
        self.readonly_socket = self.folder / "ro.sock"
        self.start()

    def command(self) -> list[str]:
        """What starts it."""
        sockets = ["--socket", str(self.socket), "--readonly-socket", str(self.readonly_socket)]
        return [sys.executable, "-m", "embedded.engine", *sockets, "--data", str(self.folder / "data")]

    def start(self) -> None:
        """Start it and wait for its ready line."""
        with (self.folder / "stderr").open("ab") as errors:
            self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=errors, cwd=ROOT)
        assert self.process.stdout is not None
        self.ready = json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def terminate(self) -> float:
        """SIGTERM; the seconds it took to end."""
        begun = time.monotonic()
        self._end(signal.SIGTERM)
        return time.monotonic() - begun

    def close(self) -> None:
        """End it if it runs, and remove its folder."""
        self.terminate()
        shutil.rmtree(self.folder)

    def _end(self, number: int) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    @contextlib.contextmanager
    def client(self, *, readonly: bool = False) -> Iterator[docker.DockerClient]:
        """A docker SDK client of it."""
        path = self.readonly_socket if readonly else self.socket
        client = docker.DockerClient(base_url=f"unix://{path}", timeout=20)
        try:
            yield client
        finally:
            client.close()


class Host:
    """One docker host and the containers of one test on it, removed at its end."""

    def __init__(self, client: docker.DockerClient, image: str, python: str, *, embedded: bool) -> None:
        self.client = client
        self.image = image
        self.python = python
        self.embedded = embedded
        self.mark = uuid.uuid4().hex[:10]
        self.labels = {LABEL: self.mark, "tier": "patient"}

    def create(self, code: str = WAITING, name: str = "one", **options: Any) -> Container:
        """A container running Python code, named after the test's mark."""
        options.setdefault("working_dir", "/tmp")
        command = options.pop("command", [self.python, "-S", "-E", "-c", code])
        return self.client.containers.create(
            self.image, command, name=f"{self.mark}-{name}", labels=self.labels | options.pop("labels", {}), **options
        )

    def run(self, code: str = WAITING, name: str = "one", **options: Any) -> Container:
        """Create and start; with the default code, wait until it is up."""
        container = self.create(code, name, **options)
        container.start()
        if code is WAITING and "command" not in options:
            wait_for(lambda: b"up" in container.logs(), what="the program is up")
        return container

    @contextlib.contextmanager
    def events(self) -> Iterator[list[dict[str, Any]]]:
        """A list that grows with the events of this test's containers, as they come."""
        seen: list[dict[str, Any]] = []
        stream = self.client.events(decode=True, filters={"label": f"{LABEL}={self.mark}"})

        def read() -> None:
            for event in stream:
                seen.append(event)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield seen
        finally:
            stream.close()
            reader.join(5)
            assert not reader.is_alive()

    def cleanup(self) -> None:
        """Remove this test's containers."""
        for container in self.client.containers.list(all=True, filters={"label": f"{LABEL}={self.mark}"}):
            container.remove(force=True)


def actions(events: list[dict[str, Any]]) -> list[str]:
    """Their actions in order, without those of a real dockerd's probes."""
    return [event["Action"] for event in events if not event["Action"].startswith("exec_")]


def has_said_up(container: Container) -> bool:
    """Whether `up` stands in its log."""
    return b"up" in container.logs()


def stats_of(container: Container) -> dict[str, Any]:
    """One reading of its stats."""
    reading = container.stats(stream=False)
    assert isinstance(reading, dict)
    return reading


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
