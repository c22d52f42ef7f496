"""A worker's own server over real sockets: health, metrics, and a way in that says plainly why it refuses."""

from __future__ import annotations

import http.client
import json
import math
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from shared.runtime.health import HealthServer
from shared.runtime.inlet import MOST_AT_ONCE, Inlet, Reply
from shared.runtime.meter import CONTENT_TYPE, Meter

TOKEN = "correct-horse-battery"
MOST = 1024


@pytest.fixture
def taken() -> list[bytes]:
    return []


@pytest.fixture
def server(taken: list[bytes]) -> Iterator[HealthServer]:
    def take(body: bytes) -> Reply:
        taken.append(body)
        return Reply(200, {"ok": True})

    made = HealthServer(0)
    made.inlets["/in"] = Inlet(TOKEN, MOST, take)
    yield made
    made.close()


def ask(server: HealthServer, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        text = answer.read().decode()
        kind = answer.getheader("Content-Type") or ""
        return answer.status, json.loads(text) if kind == "application/json" else text
    finally:
        connection.close()


def post(server: HealthServer, body: bytes = b"{}", **headers: str) -> tuple[int, Any]:
    given = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "application/json"} | headers
    return ask(server, "POST", "/in", body, **given)


def raw(server: HealthServer, text: str, *, more: bytes = b"") -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        connection.sendall(text.replace("\n", "\r\n").encode() + b"\r\n\r\n" + more)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_health_is_200_while_well_and_503_when_not(server: HealthServer) -> None:
    assert ask(server, "GET", "/healthz") == (200, {"ok": True, "starting": True})
    server.state = lambda: (False, {"last_turn_s": 99.0})
    assert ask(server, "GET", "/healthz") == (503, {"ok": False, "last_turn_s": 99.0})


def test_an_unknown_path_is_404_and_a_wrong_method_405(server: HealthServer) -> None:
    assert ask(server, "GET", "/nothing")[0] == 404
    assert ask(server, "POST", "/nothing", b"{}")[0] == 404
    assert ask(server, "GET", "/in")[0] == 405
    assert ask(server, "POST", "/metrics", b"{}")[0] == 405


def test_an_authentic_body_is_taken(server: HealthServer, taken: list[bytes]) -> None:
    assert post(server, b'{"a": 1}', Content_Type="application/json; charset=utf-8") == (200, {"ok": True})
    assert taken == [b'{"a": 1}']


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer é"],
)
def test_without_the_token_nothing_is_taken(server: HealthServer, taken: list[bytes], authorization: str) -> None:
    status, said = post(server, Authorization=authorization)
    assert (status, said["ok"], taken) == (401, False, [])
    assert TOKEN not in json.dumps(said)


def test_a_body_of_unknown_length_is_refused(server: HealthServer, taken: list[bytes]) -> None:
    head = f"POST /in HTTP/1.1\nHost: x\nAuthorization: Bearer {TOKEN}\nContent-Type: application/json"
    assert b" 411 " in raw(server, head)
    assert b" 411 " in raw(server, f"{head}\nTransfer-Encoding: chunked", more=b"2\r\n{}\r\n0\r\n\r\n")
    assert b" 400 " in raw(server, f"{head}\nContent-Length: -1")
    assert b" 400 " in raw(server, f"{head}\nContent-Length: 1e3")
    assert b" 400 " in raw(server, f"{head}\nContent-Length: 9", more=b"{}")
    assert taken == []


def test_a_large_body_is_refused_without_being_read(server: HealthServer, taken: list[bytes]) -> None:
    head = f"POST /in HTTP/1.1\nHost: x\nAuthorization: Bearer {TOKEN}\nContent-Type: application/json"
    assert b" 413 " in raw(server, f"{head}\nContent-Length: {MOST + 1}")
    assert b" 413 " in raw(server, f"{head}\nContent-Length: 999999999999")
    assert post(server, b" " * MOST)[0] == 200
    assert len(taken) == 1


def test_another_content_type_is_refused(server: HealthServer, taken: list[bytes]) -> None:
    assert post(server, Content_Type="text/plain")[0] == 415
    assert taken == []


def test_more_at_once_than_there_are_places_are_told_to_come_again() -> None:
    inside, go = threading.Semaphore(0), threading.Event()

    def take(_: bytes) -> Reply:
        inside.release()
        go.wait(10)
        return Reply(200, {"ok": True})

    server = HealthServer(0)
    server.inlets["/in"] = Inlet(TOKEN, MOST, take)
    results: list[int] = []
    callers = [threading.Thread(target=lambda: results.append(post(server)[0])) for _ in range(MOST_AT_ONCE)]
    try:
        for caller in callers:
            caller.start()
        for _ in callers:
            assert inside.acquire(timeout=10)
        assert post(server)[0] == 503
        go.set()
        for caller in callers:
            caller.join(10)
        assert results == [200] * MOST_AT_ONCE
        assert post(server)[0] == 200
    finally:
        go.set()
        server.close()


def test_metrics_are_prometheus_text(server: HealthServer) -> None:
    server.meter.steps.add(result='odd "\\\n')
    server.meter.gauge("sre_nothing", "Not known.", lambda: math.nan)
    status, text = ask(server, "GET", "/metrics")
    assert status == 200
    assert '# TYPE sre_steps_total counter\nsre_steps_total{result="odd \\"\\\\\\n"} 1\n' in text
    assert "sre_step_seconds_total 0\n" in text
    assert "sre_nothing NaN\n" in text
    assert text.endswith("\n")
    resident = next(line for line in text.splitlines() if line.startswith("process_resident_memory_bytes "))
    assert float(resident.split()[1]) > 1_000_000
    assert CONTENT_TYPE.startswith("text/plain; version=0.0.4")


def test_a_counter_never_falls_and_a_name_is_used_once() -> None:
    meter = Meter()
    with pytest.raises(ValueError, match="go down"):
        meter.steps.add(-1)
    with pytest.raises(ValueError, match="sre_steps_total"):
        meter.counter("sre_steps_total", "Again.")
