"""The JSON encoding of OTLP: protobuf's JSON, except that trace and span ids are hex instead of base64.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError  # type: ignore[import-untyped]  # no stubs
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from embedded.traces.otlp import Malformed

IDS = ("traceId", "spanId", "parentSpanId")


def parse(body: bytes) -> ExportTraceServiceRequest:
    """The message in a JSON body; unknown fields are ignored. Raises Malformed."""
    try:
        document = json.loads(body)
        for holder in _holders_of_ids(document):
            for key in IDS:
                if key in holder:
                    holder[key] = base64.b64encode(bytes.fromhex(holder[key])).decode()
        request = ExportTraceServiceRequest()
        ParseDict(document, request, ignore_unknown_fields=True)
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        # json and fromhex raise ValueError; a list where an object belongs raises one of the other two
        raise Malformed(f"the body is not an ExportTraceServiceRequest: {error}") from error
    return request


def _holders_of_ids(document: Any) -> Iterator[dict[str, Any]]:
    for resource_spans in document.get("resourceSpans", ()):
        for scope_spans in resource_spans.get("scopeSpans", ()):
            for span in scope_spans.get("spans", ()):
                yield span
                yield from span.get("links", ())
