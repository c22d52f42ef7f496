"""What an OTLP/HTTP receiver must answer, held by the embedded store and by a real Jaeger alike."""

from __future__ import annotations

import gzip
import json
import time
import uuid
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.traces.conftest import Backend, v3_spans
from tests.waiting import wait_for

PROTOBUF, JSON = "application/x-protobuf", "application/json"


def json_request(trace_id: str, **fields: Any) -> dict[str, Any]:
    span = {
        "traceId": trace_id,
        "spanId": "00f067aa0ba902b7",
        "name": "GET /",
        "kind": 2,
        "startTimeUnixNano": str(time.time_ns()),
        "endTimeUnixNano": str(time.time_ns() + 1_000_000),
        "attributes": [{"key": "n", "value": {"intValue": "9007199254740993"}}],
        **fields,
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "json-service"}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}


@pytest.mark.parametrize("encode", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_json_with_hex_ids_and_64_bit_integers_as_text_is_taken(backend: Backend, encode: Any) -> None:
    trace_id = uuid.uuid4().hex
    body = encode(json.dumps(json_request(trace_id, unknownField=1)).encode())
    headers = {"Content-Encoding": "gzip"} if encode is gzip.compress else {}

    answer = backend.post(body, JSON, **headers)

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, JSON)
    read = wait_for(lambda: (a := backend.get(f"/api/v3/traces/{trace_id}")).status_code == 200 and a)
    assert read
    [span] = v3_spans(read.json()).values()
    assert span["attributes"] == [{"key": "n", "value": {"intValue": "9007199254740993"}}]


def test_protobuf_is_answered_in_protobuf(backend: Backend) -> None:
    answer = backend.post(ExportTraceServiceRequest().SerializeToString(), PROTOBUF)

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, PROTOBUF)
    assert ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans == 0


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_an_unreadable_body_is_refused_for_good_with_400(backend: Backend, content_type: str) -> None:
    """Jaeger 1.76 answers JSON that is not even UTF-8 with 500, which no client sends again either."""
    assert backend.post(b"\xff\xfe nonsense", content_type).status_code in ({400} if backend.pid else {400, 500})


def test_another_media_type_is_refused_with_415(backend: Backend) -> None:
    assert backend.post(b"<spans/>", "text/xml").status_code == 415


def test_a_get_is_refused_with_405(backend: Backend) -> None:
    import requests

    assert requests.get(backend.otlp + "/v1/traces", timeout=10).status_code == 405
