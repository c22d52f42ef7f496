"""Trace stores for the tests: the embedded one as a real process, and a real Jaeger where the environment names one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]


@dataclass
class Backend:
    """Where spans go in and where queries are answered."""

    otlp: str
    query: str
    pid: int | None = None

    def get(self, path: str, **params: str | int) -> requests.Response:
        return requests.get(self.query + path, params=params, timeout=10)

    def post(self, body: bytes, content_type: str, **headers: str) -> requests.Response:
        return requests.post(
            self.otlp + "/v1/traces", data=body, headers={"Content-Type": content_type, **headers}, timeout=10
        )


@pytest.fixture(scope="session")
def start_embedded() -> Iterator[Callable[..., Backend]]:
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> Backend:
        process = subprocess.Popen(
            [sys.executable, "-m", "embedded.traces", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        return Backend(ready["otlp"], ready["query"], process.pid)

    yield start
    for process in running:
        process.terminate()
    for process in running:
        assert process.wait(3) == 0
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="session")
def embedded(start_embedded: Callable[..., Backend]) -> Backend:
    return start_embedded()


@pytest.fixture(scope="session", params=["embedded", "real"])
def backend(request: pytest.FixtureRequest, embedded: Backend) -> Backend:
    """The embedded store, then a real Jaeger."""
    if request.param == "embedded":
        return embedded
    query, otlp = os.environ.get("SRE_TEST_JAEGER_URL"), os.environ.get("SRE_TEST_OTLP_URL")
    if not query or not otlp:
        pytest.skip("SRE_TEST_JAEGER_URL and SRE_TEST_OTLP_URL are not set: no real Jaeger to hold to the contract")
    return Backend(otlp.rstrip("/"), query.rstrip("/"))


class Emitter:
    """A service that sends its spans with the OpenTelemetry SDK, at once and gzipped."""

    def __init__(self, service: str, otlp: str) -> None:
        self.service = service
        self._provider = TracerProvider(resource=Resource.create({"service.name": service, "host.name": "h1"}))
        exporter = OTLPSpanExporter(endpoint=otlp + "/v1/traces", compression=Compression.Gzip)
        self._provider.add_span_processor(SimpleSpanProcessor(exporter))
        self.tracer = self._provider.get_tracer("tests", "1.2")

    def close(self) -> None:
        self._provider.shutdown()


@dataclass(frozen=True)
class Purchase:
    """One trace over two services: a server span of `front`, and its failed client call in `back`."""

    front: str
    back: str
    trace_id: str
    front_span: str
    back_span: str


def send_purchase(backend: Backend) -> Purchase:
    """Send one such trace and wait until it can be read."""
    tail = uuid.uuid4().hex[:8]
    front, back = Emitter(f"front-{tail}", backend.otlp), Emitter(f"back-{tail}", backend.otlp)
    with front.tracer.start_as_current_span("POST /buy", kind=trace.SpanKind.SERVER) as outer:
        outer.set_attributes({"http.status_code": 500, "premium": 12.5, "vip": True, "items": ["a", "b"]})
        with back.tracer.start_as_current_span("charge", kind=trace.SpanKind.CLIENT) as inner:
            inner.set_attribute("card", "visa")
            inner.add_event("declined", {"exception.message": "no funds"})
            inner.set_status(trace.Status(trace.StatusCode.ERROR, "declined"))
    front.close()
    back.close()
    ids = [format(span.get_span_context().span_id, "016x") for span in (outer, inner)]
    sent = Purchase(front.service, back.service, format(outer.get_span_context().trace_id, "032x"), *ids)

    def complete() -> bool:
        answer = backend.get(f"/api/traces/{sent.trace_id}")
        return answer.status_code == 200 and len(answer.json()["data"][0]["spans"]) == 2

    wait_for(complete)
    return sent


@pytest.fixture(scope="session")
def purchase(backend: Backend) -> Purchase:
    return send_purchase(backend)


def v3_spans(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The spans of a v3 answer by span id."""
    return {
        span["spanId"]: span
        for resource in document["result"]["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    }


def tags(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """Legacy tags or fields as a mapping."""
    return {pair["key"]: pair["value"] for pair in pairs}


def now_us() -> int:
    return time.time_ns() // 1000
