"""Stored spans as Jaeger's legacy /api answers: traceID, processes, references, tags and logs; microseconds."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from embedded.traces.model import KINDS, Attributes, Resource, Span, Value, pairs

Json = dict[str, Any]

STATUS_CODES = ("", "OK", "ERROR")


def trace(spans: list[Span]) -> Json:
    """One trace with its processes p1, p2, … (one for each resource)."""
    processes: dict[Resource, str] = {}
    for span in spans:
        processes.setdefault(span.resource, f"p{len(processes) + 1}")
    return {
        "traceID": spans[0].trace.trace_id.hex(),
        "spans": [_span(span, processes[span.resource]) for span in spans],
        "processes": {name: _process(resource) for resource, name in processes.items()},
        "warnings": None,
    }


def operations(found: Iterable[tuple[str, int]]) -> list[Json]:
    """`[{"name","spanKind"}]`."""
    return [{"name": name, "spanKind": KINDS[kind]} for name, kind in found]


def tags_of(span: Span) -> list[tuple[str, Value]]:
    """The span's attributes and what Jaeger derives for it from OTLP: span.kind, otel.*, error, w3c.tracestate."""
    tags = list(pairs(span.attributes))
    if span.scope.name:
        tags.append(("otel.scope.name", span.scope.name))
    if span.scope.version:
        tags.append(("otel.scope.version", span.scope.version))
    if 0 < span.kind < len(KINDS):
        tags.append(("span.kind", KINDS[span.kind]))
    if 0 < span.status < len(STATUS_CODES):
        tags.append(("otel.status_code", STATUS_CODES[span.status]))
    if span.failed:
        tags.append(("error", True))
    if span.rare.status_message:
        tags.append(("otel.status_description", span.rare.status_message))
    if span.rare.trace_state:
        tags.append(("w3c.tracestate", span.rare.trace_state))
    return tags


def as_text(value: Value) -> str:
    """A tag's value as Jaeger compares it with the text of a search."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=as_text)
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _span(span: Span, process: str) -> Json:
    return {
        "traceID": span.trace.trace_id.hex(),
        "spanID": span.span_id.hex(),
        "operationName": span.name,
        "references": _references(span),
        "startTime": span.start_ns // 1000,
        "duration": span.duration_ns // 1000,
        "tags": [_tag(key, value) for key, value in tags_of(span)],
        "logs": [
            {
                "timestamp": event.time_ns // 1000,
                "fields": [_tag("event", event.name), *(_tag(key, value) for key, value in pairs(event.attributes))],
            }
            for event in span.rare.events
        ],
        "processID": process,
        "warnings": None,
    }


def _references(span: Span) -> list[Json]:
    made = []
    if span.parent_id:
        made.append(
            {"refType": "CHILD_OF", "traceID": span.trace.trace_id.hex(), "spanID": span.parent_id.hex()},
        )
    for link in span.rare.links:
        made.append({"refType": "FOLLOWS_FROM", "traceID": link.trace_id.hex(), "spanID": link.span_id.hex()})
    return made


def _process(resource: Resource) -> Json:
    tags: Attributes = resource.attributes
    return {
        "serviceName": resource.service,
        "tags": [_tag(key, value) for key, value in pairs(tags) if key != "service.name"],
    }


def _tag(key: str, value: Value) -> Json:
    match value:
        case bool():
            return {"key": key, "type": "bool", "value": value}
        case int():
            return {"key": key, "type": "int64", "value": value}
        case float():
            return {"key": key, "type": "float64", "value": value}
        case bytes():
            return {"key": key, "type": "binary", "value": base64.b64encode(value).decode()}
        case None:
            return {"key": key, "type": "string", "value": ""}
        case _:
            return {"key": key, "type": "string", "value": as_text(value)}
