"""What the fleet relies on from a container engine: the twin, the embedded engine and a real dockerd alike."""

from __future__ import annotations

import gc
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared.adapters.docker import DockerHands, ReadOnlyDocker
from shared.ports import ContainerEvent, Permanent, Transient
from tests.adapters.docker_world import ContainerWorld, DockerHost, TwinWorld, on
from tests.engine.hosts import EngineProcess
from tests.waiting import wait_for

GRACE = timedelta(seconds=1)


@pytest.fixture(scope="module")
def engine_process() -> Iterator[EngineProcess]:
    process = EngineProcess()
    yield process
    process.close()


@pytest.fixture(params=["twin", "embedded", "dockerd"])
def containers(request: pytest.FixtureRequest) -> Iterator[ContainerWorld]:
    if request.param == "twin":
        yield TwinWorld()
        return
    if request.param == "embedded":
        address = f"unix://{request.getfixturevalue('engine_process').socket}"
        where = DockerHost(address, "patient:1", sys.executable, embedded=True)
    else:
        address, image = os.environ.get("SRE_TEST_DOCKER_HOST", ""), os.environ.get("SRE_TEST_IMAGE", "")
        if not address or not image:
            pytest.skip("no real dockerd: SRE_TEST_DOCKER_HOST and SRE_TEST_IMAGE (an image with python3) are not set")
        where = DockerHost(address, image, os.environ.get("SRE_TEST_IMAGE_PYTHON", "python3"), embedded=False)
    with on(where) as world:
        yield world


def test_a_running_container_is_described(containers: ContainerWorld) -> None:
    containers.start("policy")
    seen = containers.engine.inspect(containers.name("policy"))
    assert seen.name == containers.name("policy")
    assert seen.running
    assert seen.status == "running"
    assert seen.managed
    assert len(seen.id) == 64
    assert seen.image
    assert not seen.oom_killed
    assert seen == containers.hands.inspect(containers.name("policy"))


def test_an_ended_container_keeps_its_exit_code_and_start_time(containers: ContainerWorld) -> None:
    containers.fail("policy")
    seen = containers.engine.inspect(containers.name("policy"))
    assert not seen.running
    assert seen.exit_code == 3
    assert seen.started_at


def test_only_the_exact_name_is_a_name(containers: ContainerWorld) -> None:
    containers.start("policy")
    name = containers.name("policy")
    identity = containers.engine.inspect(name).id
    for other in (identity, identity[:12], name[:-1], name + "2", name.upper(), f"/{name}x", f"{name}/json"):
        for inspect in (containers.engine.inspect, containers.hands.inspect):
            with pytest.raises(Permanent):
                inspect(other)
        with pytest.raises(Permanent):
            containers.hands.restart(other, GRACE)
    assert containers.engine.inspect(name).id == identity


def test_a_restart_moves_started_at_and_keeps_the_id(containers: ContainerWorld) -> None:
    containers.start("policy")
    before = containers.engine.inspect(containers.name("policy"))
    containers.hands.restart(before.name, GRACE)
    after = containers.engine.inspect(before.name)
    assert after.running
    assert after.id == before.id
    assert after.image == before.image
    assert after.started_at != before.started_at


def test_an_ended_container_is_started_by_a_restart(containers: ContainerWorld) -> None:
    containers.fail("policy")
    before = containers.engine.inspect(containers.name("policy"))
    containers.hands.restart(before.name, GRACE)
    assert containers.engine.inspect(before.name).started_at != before.started_at


def test_a_container_that_is_gone_is_permanent(containers: ContainerWorld) -> None:
    containers.start("policy")
    containers.remove("policy")
    name = containers.name("policy")
    with pytest.raises(Permanent):
        containers.engine.inspect(name)
    with pytest.raises(Permanent):
        containers.hands.restart(name, GRACE)
    with pytest.raises(Permanent):
        containers.engine.logs(name)


def test_managed_lists_labelled_containers_running_or_not_and_no_others(containers: ContainerWorld) -> None:
    containers.start("one")
    containers.fail("two")
    containers.start("three", managed=False)
    ours = {containers.name(short) for short in ("one", "two", "three")}
    found = {c.name for c in containers.engine.managed()} & ours
    assert found == {containers.name("one"), containers.name("two")}


def test_logs_are_the_last_lines(containers: ContainerWorld) -> None:
    containers.start("policy")
    assert containers.engine.logs(containers.name("policy")).splitlines() == ["up"]
    assert containers.engine.logs(containers.name("policy"), lines=1).splitlines() == ["up"]


def test_events_tell_a_restart_in_order_from_the_given_time_on(containers: ContainerWorld) -> None:
    containers.start("policy")
    name = containers.name("policy")
    since = containers.now() - timedelta(seconds=1)
    containers.hands.restart(name, GRACE)
    seen: list[ContainerEvent] = []
    for event in containers.engine.events(since, lambda: False):
        if event.name == name:
            seen.append(event)
            if event.action == "restart":
                break
    actions = [e.action for e in seen]
    tail = actions[actions.index("kill") :]
    assert [a for a in tail if a != "stop"] == ["kill", "die", "start", "restart"]
    assert all(e.id == containers.engine.inspect(name).id for e in seen)
    assert [e.at for e in seen] == sorted(e.at for e in seen)
    assert next(e for e in seen if e.action == "die").exit_code is not None


def test_an_event_stream_ends_when_it_is_told_to(containers: ContainerWorld) -> None:
    containers.start("policy")
    since = containers.now() - timedelta(seconds=5)
    stopping: list[bool] = []
    for _ in containers.engine.events(since, lambda: bool(stopping)):
        stopping.append(True)
        containers.hands.restart(containers.name("policy"), GRACE)


# The adapter alone


@pytest.fixture
def swept() -> Iterator[None]:
    """What the SDK leaves to the collector is collected before the next test."""
    yield
    gc.collect()


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # docker.transport.unixconn, when refused
@pytest.mark.usefixtures("swept")
def test_an_engine_that_is_not_there_is_transient(tmp_path: Path) -> None:
    with pytest.raises(Transient):
        ReadOnlyDocker(f"unix://{tmp_path}/none.sock").inspect("policy")
    with pytest.raises(Transient):
        DockerHands(f"unix://{tmp_path}/none.sock").restart("policy", GRACE)


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # docker.transport.unixconn, when refused
@pytest.mark.usefixtures("swept")
def test_an_engine_that_dies_is_transient_and_the_same_adapter_works_when_it_is_back() -> None:
    process = EngineProcess()
    try:
        address = f"unix://{process.socket}"
        with on(DockerHost(address, "patient:1", sys.executable, embedded=True)) as world:
            world.start("policy")
            broken: list[Exception] = []
            heard: list[ContainerEvent] = []

            def listen() -> None:
                try:
                    for event in world.engine.events(world.now() - timedelta(minutes=1), lambda: False):
                        heard.append(event)
                except Transient as error:
                    broken.append(error)

            listener = threading.Thread(target=listen)
            listener.start()
            wait_for(lambda: heard, what="the listener hears")
            process.kill()
            listener.join(10)
            assert len(broken) == 1
            with pytest.raises(Transient):
                world.engine.inspect(world.name("policy"))
            process.start()
            assert world.engine.inspect(world.name("policy")).name == world.name("policy")
    finally:
        process.close()


def test_a_silent_stream_sees_stop_and_tells_each_event_once(
    engine_process: EngineProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.adapters.docker.LISTEN_S", 1)
    address = f"unix://{engine_process.socket}"
    with on(DockerHost(address, "patient:1", sys.executable, embedded=True)) as world:
        since = world.now() - timedelta(seconds=1)
        world.start("policy")
        seen: list[ContainerEvent] = []
        deadline = time.monotonic() + 2.5
        for event in world.engine.events(since, lambda: time.monotonic() > deadline):
            seen.append(event)
        assert time.monotonic() < deadline + 2
        ours = [e.action for e in seen if e.name == world.name("policy")]
        assert ours == ["create", "start"]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}", b"", b"nonsense\r\n\r\n"])
def test_an_engine_that_fails_or_talks_nonsense_is_transient(tmp_path: Path, answer: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(65536)
                    peer.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(Transient):
            ReadOnlyDocker(f"unix://{tmp_path}/s").inspect("policy")
        server.shutdown(socket.SHUT_RDWR)


def test_a_read_only_socket_refuses_a_restart_for_good(engine_process: EngineProcess) -> None:
    whole, reading = f"unix://{engine_process.socket}", f"unix://{engine_process.readonly_socket}"
    with on(DockerHost(whole, "patient:1", sys.executable, embedded=True)) as world:
        world.start("policy")
        before = world.engine.inspect(world.name("policy"))
        hands = DockerHands(reading)
        with pytest.raises(Permanent):
            hands.restart(before.name, GRACE)
        hands.close()
        assert world.engine.inspect(before.name) == before
