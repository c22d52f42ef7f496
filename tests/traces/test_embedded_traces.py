"""What is particular to the embedded store: bounded memory, hostile input, and the pages for people."""

from __future__ import annotations

import gzip
import os
import re
import time
from collections.abc import Callable
from html.parser import HTMLParser

import psutil
import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.traces.conftest import Backend, Purchase, now_us, send_purchase, v3_spans

PROTOBUF = "application/x-protobuf"


def traces_of(numbers: range, *, service: str = "load", spans: int = 5, text: str = "v") -> bytes:
    """A request with one trace of `spans` spans for each number; trace ids are the numbers, starts rise with them."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    named = resource.resource.attributes.add(key="service.name")
    named.value.string_value = service
    scope = resource.scope_spans.add()
    for number in numbers:
        for at in range(spans):
            span = scope.spans.add(trace_id=number.to_bytes(16, "big"), span_id=os.urandom(8), name=f"op{at}")
            span.start_time_unix_nano = time.time_ns()
            span.end_time_unix_nano = span.start_time_unix_nano + 10**6
            for key in ("http.method", "http.route", "peer"):
                span.attributes.add(key=key).value.string_value = text
            span.attributes.add(key="id").value.string_value = os.urandom(8).hex()
    return bytes(request.SerializeToString())


def hexed(number: int) -> str:
    return f"{number:032x}"


@pytest.fixture
def small(start_embedded: Callable[..., Backend]) -> Backend:
    return start_embedded("--max-spans", "100")


@pytest.fixture(scope="module")
def own(embedded: Backend) -> Purchase:
    return send_purchase(embedded)


def test_beyond_the_limit_the_oldest_traces_go_as_wholes(small: Backend) -> None:
    for number in range(1, 41):
        assert small.post(traces_of(range(number, number + 1)), PROTOBUF).status_code == 200

    held = small.get("/health").json()
    assert held["spans"] == 100
    assert held["evicted"] == 100
    assert small.get(f"/api/v3/traces/{hexed(20)}").status_code == 404
    assert len(v3_spans(small.get(f"/api/v3/traces/{hexed(21)}").json())) == 5
    found = small.get("/api/traces", service="load", start=0, end=now_us(), limit=1000).json()["data"]
    assert [trace["traceID"] for trace in found] == [hexed(number) for number in range(40, 20, -1)]


def test_a_service_whose_traces_are_all_gone_is_no_longer_named(small: Backend) -> None:
    small.post(traces_of(range(1, 2), service="old"), PROTOBUF)
    small.post(traces_of(range(2, 42)), PROTOBUF)

    assert small.get("/api/v3/services").json() == {"services": ["load"]}


def test_long_texts_count_against_the_limit(small: Backend) -> None:
    small.post(traces_of(range(1, 11), text="x" * 5_000), PROTOBUF)

    assert small.get("/health").json()["spans"] < 10


def test_parts_of_a_trace_that_arrive_apart_are_one_trace(embedded: Backend) -> None:
    embedded.post(traces_of(range(900, 901), service="part-a", spans=2), PROTOBUF)
    embedded.post(traces_of(range(900, 901), service="part-b", spans=3), PROTOBUF)

    assert len(v3_spans(embedded.get(f"/api/v3/traces/{hexed(900)}").json())) == 5
    found = embedded.get("/api/traces", service="part-a", start=0, end=now_us()).json()["data"]
    assert [len(trace["spans"]) for trace in found] == [5]


def test_100_000_spans_are_held_in_90_megabytes(start_embedded: Callable[..., Backend]) -> None:
    backend = start_embedded()
    with requests.Session() as session:
        for part in range(200):
            body = traces_of(range(1 + 100 * part, 101 + 100 * part), service=f"s{part % 4}")
            headers = {"Content-Type": PROTOBUF}
            assert session.post(backend.otlp + "/v1/traces", body, headers=headers, timeout=10).status_code == 200
    assert backend.pid is not None
    assert psutil.Process(backend.pid).memory_info().rss < 90e6
    assert backend.get("/health").json()["spans"] == 100_000
    assert len(backend.get("/api/traces", service="s1", start=0, end=now_us(), limit=20).json()["data"]) == 20


def test_spans_with_invalid_ids_are_refused_and_counted_and_the_rest_is_kept(embedded: Backend) -> None:
    request = ExportTraceServiceRequest.FromString(traces_of(range(777, 778), spans=2))
    request.resource_spans[0].scope_spans[0].spans[0].trace_id = b"short"

    answer = embedded.post(request.SerializeToString(), PROTOBUF)

    assert ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans == 1
    assert len(v3_spans(embedded.get(f"/api/v3/traces/{hexed(777)}").json())) == 1


def test_a_gzip_bomb_is_refused_and_the_store_lives(embedded: Backend) -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024))

    assert embedded.post(bomb, PROTOBUF, **{"Content-Encoding": "gzip"}).status_code == 413
    assert embedded.get("/health").status_code == 200


def test_a_search_by_shortest_duration_and_operation_narrows(embedded: Backend, own: Purchase) -> None:
    window: dict[str, str | int] = {"service": own.front, "start": 0, "end": now_us()}

    assert len(embedded.get("/api/traces", operation="POST /buy", **window).json()["data"]) == 1
    assert not embedded.get("/api/traces", operation="other", **window).json()["data"]
    assert not embedded.get("/api/traces", minDuration="1h", **window).json()["data"]
    assert embedded.get("/api/traces", minDuration="soon", **window).status_code == 400


def test_the_older_spelling_of_v3_parameters_is_understood(embedded: Backend, own: Purchase) -> None:
    query: dict[str, str | int] = {
        "query.service_name": own.front,
        "query.start_time_min": "2020-01-01T00:00:00Z",
        "query.start_time_max": "2100-01-01T00:00:00.123456789Z",
        "query.num_traces": 5,
    }

    answer = embedded.get("/api/v3/traces", **query)

    assert set(v3_spans(answer.json())) == {own.front_span, own.back_span}


class Tags(HTMLParser):
    """The element names and links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]


def page(backend: Backend, path: str) -> tuple[str, Tags]:
    answer = backend.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    tags = Tags()
    tags.feed(answer.text)
    return answer.text, tags


def test_the_search_page_lists_traces_and_links_to_the_waterfall(embedded: Backend, own: Purchase) -> None:
    text, tags = page(embedded, f"/?service={own.back}&errors=1")
    _, quiet = page(embedded, f"/?service={own.front}&errors=1")

    assert f"/trace/{own.trace_id}" in tags.links
    assert "POST /buy" in text
    assert f"/trace/{own.trace_id}" not in quiet.links


def test_the_waterfall_draws_one_bar_for_each_span_with_its_attributes(embedded: Backend, own: Purchase) -> None:
    text, tags = page(embedded, f"/trace/{own.trace_id}")

    assert tags.names.count("rect") == 2
    assert re.search(r"<th>card</th><td>visa</td>", text)
    assert "no funds" in text
    assert "1 failed" in text


def test_hostile_names_and_attributes_are_shown_as_text(embedded: Backend) -> None:
    request = ExportTraceServiceRequest.FromString(
        traces_of(range(666, 667), service="<script>alert(1)</script>", spans=1, text="\"><img src=x onerror='1'>")
    )
    request.resource_spans[0].scope_spans[0].spans[0].name = "</summary><svg onload=alert(1)>"
    embedded.post(request.SerializeToString(), PROTOBUF)

    for path in ("/", f"/trace/{hexed(666)}"):
        text, tags = page(embedded, path)
        assert "script" not in tags.names
        assert "img" not in tags.names
        assert "onload=" not in re.sub(r"&lt;.*?&gt;", "", text)


def test_a_trace_whose_parents_form_a_circle_is_still_drawn(embedded: Backend) -> None:
    request = ExportTraceServiceRequest.FromString(traces_of(range(555, 556), spans=3))
    spans = request.resource_spans[0].scope_spans[0].spans
    for at in range(3):
        spans[at].parent_span_id = spans[(at + 1) % 3].span_id
    embedded.post(request.SerializeToString(), PROTOBUF)

    _, tags = page(embedded, f"/trace/{hexed(555)}")

    assert tags.names.count("rect") == 3


def test_a_taken_port_is_replaced(start_embedded: Callable[..., Backend], embedded: Backend) -> None:
    taken = embedded.query.rpartition(":")[2]

    assert start_embedded("--query-port", taken).query != embedded.query
