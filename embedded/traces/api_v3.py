"""Stored spans as Jaeger's /api/v3 answers: OTLP JSON with hex ids, enums as numbers, 64-bit integers as strings."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from embedded.traces.model import KINDS, Attributes, Resource, Scope, Span, Value, pairs

Json = dict[str, Any]


def traces_data(traces: Iterable[list[Span]]) -> Json:
    """`{"resourceSpans": [...]}`: one entry for each trace and resource."""
    return {"resourceSpans": [entry for spans in traces for entry in _resource_spans(spans)]}


def operations(found: Iterable[tuple[str, int]]) -> list[Json]:
    """`[{"name","spanKind"}]`; Jaeger calls a span of no kind internal here."""
    return [{"name": name, "spanKind": KINDS[kind] or "internal"} for name, kind in found]


def _resource_spans(spans: list[Span]) -> list[Json]:
    grouped: dict[Resource, dict[Scope, list[Span]]] = {}
    for span in spans:
        grouped.setdefault(span.resource, {}).setdefault(span.scope, []).append(span)
    return [
        {
            "resource": {"attributes": _attributes(resource.attributes)},
            "scopeSpans": [
                {"scope": _scope(scope), "spans": [_span(span) for span in of_scope]}
                for scope, of_scope in scopes.items()
            ],
        }
        for resource, scopes in grouped.items()
    ]


def _scope(scope: Scope) -> Json:
    made: Json = {}
    if scope.name:
        made["name"] = scope.name
    if scope.version:
        made["version"] = scope.version
    if scope.attributes:
        made["attributes"] = _attributes(scope.attributes)
    return made


def _span(span: Span) -> Json:
    made: Json = {
        "traceId": span.trace.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_id.hex(),
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "status": _status(span),
    }
    if span.rare.trace_state:
        made["traceState"] = span.rare.trace_state
    if span.attributes:
        made["attributes"] = _attributes(span.attributes)
    if span.rare.events:
        made["events"] = [
            {"timeUnixNano": str(event.time_ns), "name": event.name, "attributes": _attributes(event.attributes)}
            for event in span.rare.events
        ]
    if span.rare.links:
        made["links"] = [
            {
                "traceId": link.trace_id.hex(),
                "spanId": link.span_id.hex(),
                "attributes": _attributes(link.attributes),
            }
            for link in span.rare.links
        ]
    return made


def _status(span: Span) -> Json:
    status: Json = {}
    if span.rare.status_message:
        status["message"] = span.rare.status_message
    if span.status:
        status["code"] = span.status
    return status


def _attributes(attributes: Attributes) -> list[Json]:
    return [{"key": key, "value": any_value(value)} for key, value in pairs(attributes)]


def any_value(value: Value) -> Json:
    """An AnyValue in OTLP JSON."""
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case str():
            return {"stringValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode()}
        case list():
            return {"arrayValue": {"values": [any_value(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": [{"key": key, "value": any_value(v)} for key, v in value.items()]}}
