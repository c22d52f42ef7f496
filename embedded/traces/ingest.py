"""The OTLP/HTTP receiver: POST /v1/traces."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from embedded.traces import otlp, otlp_json
from embedded.traces.http import Answer, Request, as_json
from embedded.traces.store import Store

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
READERS: dict[str, Callable[[bytes], ExportTraceServiceRequest]] = {PROTOBUF: otlp.parse, JSON: otlp_json.parse}


class Receiver:
    """Takes spans in. Answers in the encoding it was asked in, as the OTLP specification says."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pool = otlp.Pool()

    def __call__(self, request: Request) -> Answer:
        if request.path == "/":
            return as_json({"status": "Server available", **self._store.size()})
        if request.path != "/v1/traces":
            return as_json({"code": 5, "message": "404 page not found"}, 404)
        if request.method != "POST":
            return Answer(405, b"405 method not allowed, supported: [POST]", "text/plain", {"Allow": "POST"})
        reader = READERS.get(request.content_type)
        if reader is None:
            supported = f"415 unsupported media type, supported: [{JSON}, {PROTOBUF}]"
            return Answer(415, supported.encode(), "text/plain")
        try:
            fragments, refused = otlp.fragments_of(reader(request.body), self._pool)
        except otlp.Malformed as error:
            return _status(request.content_type, str(error))
        self._store.add(fragments)
        return _taken(request.content_type, refused)


def _taken(content_type: str, refused: int) -> Answer:
    reason = "trace id or span id is not valid"
    if content_type == JSON:
        return as_json({"partialSuccess": {"rejectedSpans": str(refused), "errorMessage": reason} if refused else {}})
    response = ExportTraceServiceResponse()
    if refused:
        response.partial_success.rejected_spans = refused
        response.partial_success.error_message = reason
    return Answer(200, response.SerializeToString(), PROTOBUF)


def _status(content_type: str, message: str) -> Answer:
    """400 with a google.rpc.Status (code 3, INVALID_ARGUMENT)."""
    if content_type == JSON:
        return as_json({"code": 3, "message": message}, 400)
    from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # no stubs; late: hardly ever needed

    return Answer(400, Status(code=3, message=message).SerializeToString(), PROTOBUF)
