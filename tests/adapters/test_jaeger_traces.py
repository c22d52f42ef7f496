"""The trace client on the embedded store and a real Jaeger, over both of its APIs, and on answers that are broken."""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from shared.adapters.jaeger import JaegerTraces
from shared.analysis.trace import Span
from shared.ports import Permanent, Traces, Transient
from tests.traces.conftest import Backend, Purchase, send_purchase
from tests.traces.conftest import embedded as embedded  # noqa: PLC0414  fixtures, used by name
from tests.traces.conftest import start_embedded as start_embedded  # noqa: PLC0414


class Front:
    """A query server in front of another one, or of nothing: `answers` maps a path to (status, body)."""

    def __init__(self, behind: str = "", hidden: str = "") -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        front = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                front.asked.append(self.path)
                status, body = front.answer(self.path, behind, hidden)
                self.send_response(status)
                self.send_header("Retry-After", "3")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def answer(self, path: str, behind: str, hidden: str) -> tuple[int, bytes]:
        plain = path.partition("?")[0]
        if plain in self.answers:
            return self.answers[plain]
        if hidden and plain.startswith(hidden):
            return 200, b"<!doctype html><title>Jaeger UI</title>"  # what Jaeger says to a path it does not know
        if not behind:
            return 404, b"404 page not found"
        import requests

        answer = requests.get(behind + path, timeout=10)
        return answer.status_code, answer.content

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def front() -> Iterator[Callable[..., Front]]:
    running: list[Front] = []

    def make(**settings: str) -> Front:
        running.append(Front(**settings))
        return running[-1]

    yield make
    for one in running:
        one.close()


@pytest.fixture(scope="module", params=["embedded", "real"])
def backend(request: pytest.FixtureRequest, embedded: Backend) -> Backend:
    if request.param == "embedded":
        return embedded
    query, otlp = os.environ.get("SRE_TEST_JAEGER_URL"), os.environ.get("SRE_TEST_OTLP_URL")
    if not query or not otlp:
        pytest.skip("SRE_TEST_JAEGER_URL and SRE_TEST_OTLP_URL are not set: no real Jaeger to hold to the contract")
    return Backend(otlp.rstrip("/"), query.rstrip("/"))


@pytest.fixture(scope="module")
def purchase(backend: Backend) -> Purchase:
    return send_purchase(backend)


@pytest.fixture(params=["v3", "legacy"])
def client(request: pytest.FixtureRequest, backend: Backend, front: Callable[..., Front]) -> Traces:
    if request.param == "v3":
        return JaegerTraces(backend.query)
    return JaegerTraces(front(behind=backend.query, hidden="/api/v3").url)


def window() -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    return now - timedelta(hours=1), now + timedelta(minutes=1)


def by_id(spans: tuple[Span, ...]) -> dict[str, Span]:
    return {span.span_id: span for span in spans}


def test_a_trace_has_the_same_spans_over_either_api(client: Traces, purchase: Purchase) -> None:
    found = client.trace(purchase.trace_id)

    assert found is not None
    spans = by_id(found.spans)
    outer, inner = spans[purchase.front_span], spans[purchase.back_span]
    assert (outer.service, outer.operation, outer.kind) == (purchase.front, "POST /buy", "server")
    assert (outer.parent_id, outer.error) == (None, False)
    assert outer.attributes == {"http.status_code": 500, "premium": 12.5, "vip": True, "items": '["a","b"]'}
    assert outer.instance
    assert (inner.parent_id, inner.kind, inner.error) == (purchase.front_span, "client", True)
    assert inner.status_message == "declined"
    assert inner.attributes == {"card": "visa"}
    assert [(event.name, event.attributes) for event in inner.events] == [
        ("declined", {"exception.message": "no funds"})
    ]
    assert outer.start_us <= inner.start_us <= inner.end_us <= outer.end_us
    assert abs(outer.start_us / 1e6 - time.time()) < 3600


def test_services_are_named(client: Traces, purchase: Purchase) -> None:
    assert {purchase.front, purchase.back} <= set(client.services())


def test_a_search_returns_whole_traces_of_a_service(client: Traces, purchase: Purchase) -> None:
    [found] = client.traces(purchase.back, *window())

    assert found.trace_id == purchase.trace_id
    assert len(found.spans) == 2


def test_errors_only_means_that_this_service_failed(client: Traces, purchase: Purchase) -> None:
    assert len(client.traces(purchase.back, *window(), errors_only=True)) == 1
    assert client.traces(purchase.front, *window(), errors_only=True) == ()


def test_a_search_is_held_to_its_window_and_duration(backend: Backend, purchase: Purchase) -> None:
    client = JaegerTraces(backend.query)
    now = datetime.now(UTC)

    assert client.traces(purchase.front, now - timedelta(days=2), now - timedelta(days=1)) == ()
    assert client.traces(purchase.front, *window(), min_duration=timedelta(hours=1)) == ()
    assert len(client.traces(purchase.front, *window(), min_duration=timedelta(microseconds=1))) == 1


def test_the_newest_come_first_up_to_the_limit(client: Traces, backend: Backend) -> None:
    service = f"many-{uuid.uuid4().hex[:8]}"
    now = time.time_ns()
    for at in range(5):
        trace = f"{uuid.uuid4().hex[:30]}{at:02x}"
        span = {"traceId": trace, "spanId": "00f067aa0ba902b7", "name": "x", "startTimeUnixNano": str(now - at * 10**9)}
        span["endTimeUnixNano"] = span["startTimeUnixNano"]
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
        document = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
        assert backend.post(json.dumps(document).encode(), "application/json").status_code == 200
    deadline = time.monotonic() + 10
    while len(client.traces(service, *window())) < 5:
        assert time.monotonic() < deadline

    assert [int(trace.trace_id[-2:], 16) for trace in client.traces(service, *window(), limit=3)] == [0, 1, 2]


def test_an_unknown_trace_is_none_and_an_unknown_service_has_no_traces(client: Traces) -> None:
    assert client.trace("ab" * 16) is None
    assert client.traces("nobody", *window()) == ()


def test_the_api_is_chosen_once(backend: Backend, front: Callable[..., Front]) -> None:
    old = front(behind=backend.query, hidden="/api/v3")
    client = JaegerTraces(old.url)

    for _ in range(3):
        client.services()

    assert sum(path.startswith("/api/v3") for path in old.asked) == 1


def test_a_server_that_speaks_neither_is_a_permanent_failure(front: Callable[..., Front]) -> None:
    with pytest.raises(Permanent, match="neither"):
        JaegerTraces(front().url).services()


def test_nobody_listening_is_a_transient_failure_and_the_client_recovers(
    embedded: Backend, front: Callable[..., Front]
) -> None:
    with pytest.raises(Transient):
        JaegerTraces("http://127.0.0.1:1").services()
    shaky = front(behind=embedded.query)
    shaky.answers["/api/v3/services"] = (503, b"starting")
    client = JaegerTraces(shaky.url)
    with pytest.raises(Transient) as failure:
        client.services()
    assert failure.value.retry_after == 3
    shaky.answers.clear()

    client.services()


@pytest.mark.parametrize(("status", "expected"), [(429, Transient), (502, Transient), (401, Permanent)])
def test_refusals_are_told_apart(status: int, expected: type[Exception], front: Callable[..., Front]) -> None:
    server = front()
    server.answers["/api/v3/services"] = (200, b'{"services":["a"]}')
    server.answers["/api/v3/traces"] = (status, b"no")

    with pytest.raises(expected):
        JaegerTraces(server.url).traces("a", *window())


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"result":[]}', b'{"result":{"resourceSpans":7}}', b"{"])
def test_an_answer_that_is_no_list_of_traces_is_transient_or_empty(body: bytes, front: Callable[..., Front]) -> None:
    server = front()
    server.answers["/api/v3/services"] = (200, b"{}")
    server.answers["/api/v3/traces"] = (200, body)
    client = JaegerTraces(server.url)

    if body:
        with pytest.raises(Transient):
            client.traces("a", *window())
    else:
        assert client.traces("a", *window()) == ()


def test_corrupt_spans_are_set_aside_and_counted_and_the_rest_is_kept(front: Callable[..., Front]) -> None:
    now = time.time_ns()
    good = {
        "traceId": "0AF7651916CD43DD8448EB211C80319C",
        "spanId": "b7ad6b7169203331",
        "name": "ok",
        "startTimeUnixNano": now,
        "endTimeUnixNano": str(now + 1000),
        "attributes": [{"key": "n", "value": {"intValue": "x"}}, {"value": 1}, 7],
    }
    broken = [
        {**good, "traceId": "zz"},
        {**good, "spanId": ""},
        {**good, "spanId": "0" * 16},
        {**good, "parentSpanId": 5},
        {**good, "startTimeUnixNano": "soon"},
        {**good, "startTimeUnixNano": "-5"},
        {**good, "endTimeUnixNano": "5"},
        {**good, "name": ["x"]},
        "a span",
        None,
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]}
    spans = [broken[0], good, *broken[1:]]
    document = {"result": {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}, 3]}}
    server = front()
    server.answers["/api/v3/services"] = (200, b'{"services":["s"]}')
    server.answers["/api/v3/traces"] = (200, json.dumps(document).encode())
    client = JaegerTraces(server.url)

    [found] = client.traces("s", *window())

    assert client.set_aside == len(broken)
    [span] = found.spans
    assert (span.trace_id, span.operation, dict(span.attributes)) == ("0af7651916cd43dd8448eb211c80319c", "ok", {})
