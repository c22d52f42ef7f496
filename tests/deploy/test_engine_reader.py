"""The socket that shows an engine and cannot change it, in front of an embedded engine over real sockets."""

from __future__ import annotations

import importlib.util
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError, NotFound

from shared.adapters.docker import ReadOnlyDocker
from tests.engine.hosts import EngineProcess, Host
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
SECRET = "hunter2-password"


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineProcess]:
    process = EngineProcess()
    yield process
    process.close()


@pytest.fixture(scope="module")
def reader(engine: EngineProcess) -> Iterator[Path]:
    """The path of the socket that only looks."""
    path = engine.folder / "shown.sock"
    process = start(engine.socket, path)
    wait_for(path.exists, what="the reader listens")
    yield path
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert not path.exists()


@pytest.fixture
def host(engine: EngineProcess) -> Iterator[Host]:
    with engine.client() as client:
        one = Host(client, "patient:1", sys.executable, embedded=True)
        yield one
        one.cleanup()


@pytest.fixture
def shown(reader: Path) -> Iterator[docker.DockerClient]:
    client = docker.DockerClient(base_url=f"unix://{reader}", timeout=10)
    yield client
    client.close()


def start(engine: Path, listen: Path) -> subprocess.Popen[bytes]:
    program = str(ROOT / "deploy" / "engine_reader.py")
    argv = [sys.executable, "-I", "-S", program, "--engine", str(engine), "--listen", str(listen)]
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def raw(path: Path, request: str) -> bytes:
    """What the socket answers to these very bytes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(request.encode())
        connection.shutdown(socket.SHUT_WR)
        got = b""
        while data := connection.recv(65536):
            got += data
        return got


def status(path: Path, method: str, target: str) -> int:
    return int(raw(path, f"{method} {target} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n").split()[1])


MANAGED = {"sre-space.managed": "true"}


def test_the_fleets_adapter_sees_through_it_what_it_sees_directly(
    engine: EngineProcess, host: Host, reader: Path
) -> None:
    container = host.run(labels=MANAGED)
    direct, through = ReadOnlyDocker(f"unix://{engine.socket}"), ReadOnlyDocker(f"unix://{reader}")
    assert through.inspect(str(container.name)) == direct.inspect(str(container.name))
    assert str(container.name) in {c.name for c in through.managed()}
    assert "up" in through.logs(str(container.name))


def test_events_of_managed_containers_come_through_live_and_those_of_others_do_not(host: Host, reader: Path) -> None:
    strange, ours = host.run(name="strange"), host.run(name="ours", labels=MANAGED)
    since = datetime.now(UTC) - timedelta(seconds=1)
    until = time.monotonic() + 10
    seen = []
    strange.restart(timeout=0)
    ours.restart(timeout=0)
    for event in ReadOnlyDocker(f"unix://{reader}").events(since, lambda: time.monotonic() > until):
        seen.append(event)
        if event.action == "restart":
            break
    else:
        pytest.fail(f"the restart is still not told: {[event.action for event in seen]}")
    assert {event.name for event in seen if host.mark in event.name} == {ours.name}


def test_environment_variables_are_left_out(host: Host, shown: docker.DockerClient) -> None:
    container = host.run(labels=MANAGED, environment={"PASSWORD": SECRET})
    assert SECRET in json.dumps(host.client.api.inspect_container(str(container.name)))
    assert SECRET not in json.dumps(shown.api.inspect_container(str(container.name)))


def test_containers_that_are_not_managed_are_not_there(host: Host, shown: docker.DockerClient) -> None:
    container = host.run(name="other")
    asks: tuple[Callable[[], Any], ...] = (
        lambda: shown.api.inspect_container(str(container.name)),
        lambda: shown.api.inspect_container(str(container.id)),
        lambda: shown.api.logs(str(container.name)),
    )
    for ask in asks:
        with pytest.raises(NotFound):
            ask()
    assert str(container.name) not in {c.name for c in shown.containers.list(all=True, sparse=True)}


def test_nothing_can_be_done_through_it(host: Host, shown: docker.DockerClient) -> None:
    container = host.run(labels=MANAGED)
    acts: tuple[Callable[[], Any], ...] = (
        lambda: shown.api.restart(str(container.id)),
        lambda: shown.api.kill(str(container.id)),
        lambda: shown.api.remove_container(str(container.id)),
        lambda: shown.api.create_container("patient:1"),
    )
    for act in acts:
        with pytest.raises(APIError) as no:
            act()
        assert no.value.status_code == 403
    assert host.client.containers.get(str(container.id)).status == "running"


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/v1.41/containers/create"),
        ("PUT", "/v1.41/containers/a/archive"),
        ("DELETE", "/v1.41/containers/a"),
        ("PATCH", "/v1.41/containers/a/json"),
        ("CONNECT", "/v1.41/containers/a/json"),
        ("GET", "/v1.41/containers/a/export"),
        ("GET", "/v1.41/containers/a/archive?path=/etc"),
        ("GET", "/v1.41/containers/a/attach/ws"),
        ("GET", "/v1.41/containers/a/logs?follow=1"),
        ("GET", "/v1.41/images/json"),
        ("GET", "/v1.41/secrets"),
        ("GET", "/v1.41/containers/json/../../secrets"),
        ("GET", "/v1.41/containers/%2e%2e/json"),
        ("GET", "//v1.41/info"),
        ("GET", "/info"),
    ],
)
def test_everything_else_is_refused_before_the_engine_is_asked(reader: Path, method: str, target: str) -> None:
    assert status(reader, method, target) == 403


def test_a_client_that_hangs_up_on_the_event_stream_leaves_no_thread_behind(
    engine: EngineProcess, tmp_path: Path
) -> None:
    path = engine.folder / "short.sock"
    process = start(engine.socket, path)
    try:
        wait_for(path.exists, what="the reader listens")
        tasks = Path(f"/proc/{process.pid}/task")
        wait_for(lambda: status(path, "GET", "/_ping") == 200, what="it answers")
        before = len(list(tasks.iterdir()))
        for _ in range(5):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.connect(str(path))
                connection.sendall(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
                assert connection.recv(64).startswith(b"HTTP/1.1 200")
        wait_for(lambda: len(list(tasks.iterdir())) <= before, what="the threads have ended")
    finally:
        process.terminate()
        process.wait(10)


def test_an_engine_that_is_away_is_a_502_and_at_the_start_a_reason(engine: EngineProcess, tmp_path: Path) -> None:
    gone = start(tmp_path / "nothing.sock", tmp_path / "shown.sock")
    assert gone.wait(10) == 1
    own = EngineProcess()
    path = own.folder / "shown.sock"
    process = start(own.socket, path)
    try:
        wait_for(path.exists, what="the reader listens")
        own.kill()
        assert status(path, "GET", "/v1.41/containers/json") == 502
        assert status(path, "GET", "/v1.41/events") == 502
    finally:
        process.terminate()
        process.wait(10)
        own.close()


def test_a_socket_that_may_not_be_opened_is_told_with_its_group_and_the_remedy(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("engine_reader", ROOT / "deploy" / "engine_reader.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert "DOCKER_GID=4711 in .env" in module.remedy(tmp_path / "docker.sock", 4711)
