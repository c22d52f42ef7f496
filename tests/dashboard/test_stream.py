"""The stream of a page: a board first, then every event once and in order; by its id a page goes on where it was."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from dashboard.follow import Follow
from dashboard.ring import Ring
from shared.incident.status import Status
from shared.testing.log import LogBuilder
from tests.dashboard.world import World
from tests.waiting import wait_for

Event = tuple[str, str, Any]


def events(wire: bytes) -> list[Event]:
    """(id, type, data) of each."""
    found = []
    for text in wire.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in text.splitlines() if not line.startswith(":"))
        if "data" in lines:
            found.append((lines["id"], lines["event"], json.loads(lines["data"])))
    return found


async def take(follow: Follow, last: str, wanted: int, meanwhile: Callable[[], None] = lambda: None) -> list[Event]:
    """So many events of a fresh stream."""
    found: list[Event] = []
    stream = follow.stream(last)
    try:
        while len(found) < wanted:
            piece = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            if found:
                meanwhile()
            found += events(await asyncio.wait_for(piece, 10))
    finally:
        await stream.aclose()
    return found


def run(world: World, work: Callable[[Follow], Coroutine[Any, Any, list[Event]]]) -> list[Event]:
    async def attached() -> list[Event]:
        world.hub.ring.attach(asyncio.get_running_loop())
        return await work(Follow(world.hub))

    return asyncio.run(attached())


def moving(world: World) -> LogBuilder:
    log = LogBuilder().to(Status.DETECTED)
    world.hub.on_incident(log.incident, log.now)
    return log


def test_a_new_page_gets_the_board_and_then_what_happens() -> None:
    world = World()
    log = moving(world)
    moves = iter(("diagnosed", "ruled:allow", "began", "applied"))

    def go_on() -> None:
        if move := next(moves, None):
            log.do(move)
            world.hub.on_incident(log.incident, log.now)

    found = run(world, lambda follow: take(follow, "", 4, go_on))
    assert [kind for _, kind, _ in found][:1] == ["board"]
    assert found[0][2]["counts"] == {"Detected": 1}
    statuses = [data["status"] for _, kind, data in found if kind == "incident"]
    assert statuses == ["Diagnosed", "Approved", "Fixing"]


def test_a_page_that_comes_back_gets_exactly_what_it_missed() -> None:
    world = World()
    log = moving(world)
    seen = f"{world.hub.ring.boot}-{world.hub.ring.seq}"
    for move in ("diagnosed", "ruled:allow", "began"):
        log.do(move)
        world.hub.on_incident(log.incident, log.now)
    found = run(world, lambda follow: take(follow, seen, 3))
    assert [data["status"] for _, _, data in found] == ["Diagnosed", "Approved", "Fixing"]
    assert [int(event_id.rpartition("-")[2]) for event_id, _, _ in found] == [2, 3, 4]


@pytest.mark.parametrize("last", ["other-1", "nonsense", "BOOT-999999", "<script>"])
def test_an_unknown_id_gets_a_fresh_board(last: str) -> None:
    world = World()
    moving(world)
    last = last.replace("BOOT", world.hub.ring.boot)
    (first,) = run(world, lambda follow: take(follow, last, 1))
    assert first[1] == "board"


def test_a_page_that_fell_behind_the_ring_gets_a_fresh_board_and_goes_on() -> None:
    world = World()
    world.hub.ring = Ring(most=10)
    world.hub.ring.publish("beat", {"n": 0})
    seen = f"{world.hub.ring.boot}-1"
    for n in range(1, 40):
        world.hub.ring.publish("beat", {"n": n})
    found = run(world, lambda follow: take(follow, seen, 1))
    assert found[0][1] == "board"
    assert found[0][0] == f"{world.hub.ring.boot}-40"


def test_an_unchanged_incident_is_not_told_again() -> None:
    world = World()
    log = moving(world)
    before = world.hub.ring.seq
    for _ in range(5):
        world.hub.on_incident(log.incident, log.now)
    assert world.hub.ring.seq == before


@contextmanager
def served(world: World) -> Iterator[int]:
    """The application behind a real server; yields its port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = int(listening.getsockname()[1])
        config = uvicorn.Config(world.app, log_config=None, ws="none", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            wait_for(lambda: server.started, 10)
            yield port
        finally:
            server.should_exit = True
            thread.join(10)


def follower(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    client.sendall(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    return client


def read_until(client: socket.socket, mark: bytes) -> bytes:
    got = b""
    while mark not in got:
        piece = client.recv(65536)
        assert piece, got[-200:]
        got += piece
    return got


def test_a_page_that_does_not_read_holds_up_nobody_and_keeps_nothing() -> None:
    world = World()
    with served(world) as port, follower(port) as hung, follower(port) as well:
        read_until(well, b"event: board")
        read_until(hung, b"event: board")
        for n in range(20_000):  # more than the hung one's socket and the ring hold
            world.hub.ring.publish("thought", {"n": n, "text": "x" * 1_000})
            if n % 1_000 == 999:
                read_until(well, b'"n":%d,' % n)
        assert len(world.hub.ring) == 5_000
        metrics = world.client.get("/metrics").text
        assert "sre_dashboard_clients 2" in metrics
        assert '"n":' in read_until(hung, b"event: board").decode(errors="replace")  # it fell behind, and begins anew
