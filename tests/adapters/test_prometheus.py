"""Prometheus's range API over a real socket: what is asked, what is made of answers, how failures are told apart."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from shared.adapters.prometheus import MOST_BYTES, MOST_POINTS, MOST_SERIES, PrometheusMetrics
from shared.analysis.metrics import Series
from shared.analysis.rca.rows import to_rows
from shared.ports import Permanent, Transient

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


class Server:
    """Answers every POST with what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.body = 200, b""
        self.asked: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                fields = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                outer.asked.append((self.path, {name: values[0] for name, values in fields.items()}))
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def says(self, *series: Any, status: int = 200, **whole: Any) -> None:
        data = {"resultType": "matrix", "result": list(series)}
        self.status, self.body = status, json.dumps({"status": "success", "data": data} | whole).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def ask(server: Server, length: timedelta = MINUTE) -> tuple[Series, ...]:
    return PrometheusMetrics(server.url + "/").ranges("up", START, START + length, SECOND)


def test_a_range_is_asked_for_and_read(server: Server) -> None:
    server.says({"metric": {"service": "frontend"}, "values": [[1772366400, "1"], [1772366401, "2.5"]]})
    assert ask(server) == (Series({"service": "frontend"}, ((1772366400.0, 1.0), (1772366401.0, 2.5))),)
    ((path, fields),) = server.asked
    assert path == "/api/v1/query_range"
    assert fields == {
        "query": "up", "start": "1772366400.000", "end": "1772366460.000", "step": "1.000", "timeout": "3s",
    }  # fmt: skip


def test_a_long_range_is_asked_for_in_longer_steps(server: Server) -> None:
    server.says()
    assert ask(server, timedelta(days=30)) == ()
    assert 30 * 86_400 / float(server.asked[0][1]["step"]) <= MOST_POINTS


def test_what_is_not_a_number_is_left_out(server: Server) -> None:
    server.says({"metric": {}, "values": [[1, "NaN"], [2, "+Inf"], [3, "7"]]})
    assert ask(server) == (Series({}, ((3.0, 7.0),)),)


def test_no_more_series_are_kept_than_are_bounded(server: Server) -> None:
    server.says(*[{"metric": {"n": str(n)}, "values": []} for n in range(MOST_SERIES + 5)])
    assert len(ask(server)) == MOST_SERIES


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_trouble_of_the_server_is_transient(server: Server, status: int) -> None:
    server.says(status=status)
    with pytest.raises(Transient, match=str(status)):
        ask(server)


def test_nobody_there_is_transient() -> None:
    with pytest.raises(Transient, match="does not answer"):
        PrometheusMetrics("http://127.0.0.1:9").ranges("up", START, START + MINUTE, SECOND)


def test_a_refused_query_is_permanent_and_says_why(server: Server) -> None:
    server.says(status=400, error="parse error: unexpected end")
    server.body = server.body.replace(b'"success"', b'"error"')
    with pytest.raises(Permanent, match="parse error"):
        ask(server)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>", b"[]", b"{}", b'{"status":"success"}', b"[" * 100_000,
        b'{"status":"success","data":{"resultType":"vector","result":[]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[7]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1]]}]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"x"]]}]}}',
    ],
)  # fmt: skip
def test_what_is_no_answer_of_prometheus_is_permanent(server: Server, body: bytes) -> None:
    server.body = body
    with pytest.raises(Permanent):
        ask(server)


def test_an_answer_without_end_is_cut_off(server: Server) -> None:
    server.body = b" " * (MOST_BYTES + 1)
    with pytest.raises(Permanent, match="larger"):
        ask(server)


def test_series_become_rows_of_instants_and_services() -> None:
    rows = to_rows(
        {
            "memory_bytes": (Series({"service": "a"}, ((1.0, 10.0), (2.0, 20.0))), Series({"x": "y"}, ((1.0, 5.0),))),
            "cpu": (Series({"service": "a", "instance": "1"}, ((2.0, 0.5),)),
                    Series({"service": "a", "instance": "2"}, ((2.0, 0.7),)), Series({"service": "b"}, ((1.0, 0.1),))),
        }
    )  # fmt: skip
    assert tuple(rows.columns) == ("timestamp", "pod", "cpu", "memory_bytes")
    assert list(rows.rows) == [(1.0, "a", None, 10.0), (1.0, "b", 0.1, None), (2.0, "a", 0.7, 20.0)]
