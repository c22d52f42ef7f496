"""Jaeger's legacy JSON (`/api/traces`) to spans: `{"data": [{"traceID", "spans": […], "processes": {…}}]}`.

Times are microseconds already.

https://www.jaegertracing.io/docs/1.76/architecture/apis/ (the internal HTTP API); fields as in jaeger/internal/uimodel.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from shared.analysis.spans import Corrupt, Parsed, identifier, instance, integer, moment, parent, scalar, text
from shared.analysis.trace import Scalar, Span, SpanEvent

DERIVED: Final = frozenset(
    ("span.kind", "error", "otel.status_code", "otel.status_description", "otel.scope.name", "otel.scope.version")
)
"""Tags that Jaeger makes from other parts of an OTLP span. They are put back where they came from."""


class NotJaeger(ValueError):
    """The document is not an answer of Jaeger's legacy API."""


def parse(document: str | bytes) -> Parsed:
    """The spans of all traces in an answer. Raises NotJaeger; a broken span is only set aside."""
    try:
        answer = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise NotJaeger("not JSON") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list | None):
        raise NotJaeger("no data")
    spans: list[Span] = []
    set_aside = 0
    for trace in _objects(answer.get("data")):
        processes = _mapping(trace.get("processes"))
        for wire in _objects(trace.get("spans")):
            try:
                spans.append(_span(wire, processes, trace.get("traceID")))
            except (Corrupt, RecursionError):
                set_aside += 1
    return Parsed(tuple(spans), set_aside)


def _span(wire: Mapping[str, Any], processes: Mapping[str, Any], trace_id: Any) -> Span:
    process = _mapping(wire.get("process") or processes.get(str(wire.get("processID"))))
    tags = _tags(wire.get("tags"))
    start_us, duration_us = moment(integer(wire.get("startTime")), integer(wire.get("duration")))
    own_trace = identifier(wire.get("traceID", trace_id), 32)
    return Span(
        trace_id=own_trace,
        span_id=identifier(wire.get("spanID"), 16),
        parent_id=_parent(wire, own_trace),
        service=text(process.get("serviceName", "")),
        operation=text(wire.get("operationName", "")),
        kind=str(tags.get("span.kind", "")),
        start_us=start_us,
        duration_us=duration_us,
        error=tags.get("error") in (True, "true") or tags.get("otel.status_code") == "ERROR",
        status_message=str(tags.get("otel.status_description", "")),
        attributes={key: value for key, value in tags.items() if key not in DERIVED},
        events=tuple(_event(log) for log in _objects(wire.get("logs"))),
        instance=instance(_tags(process.get("tags"))),
    )


def _parent(wire: Mapping[str, Any], trace_id: str) -> str | None:
    for reference in _objects(wire.get("references")):
        if reference.get("refType") == "CHILD_OF" and identifier(reference.get("traceID", trace_id), 32) == trace_id:
            return parent(reference.get("spanID"))
    return parent(wire.get("parentSpanID"))


def _event(log: Mapping[str, Any]) -> SpanEvent:
    fields = _tags(log.get("fields"))
    return SpanEvent(integer(log.get("timestamp", 0)), str(fields.pop("event", "")), fields)


def _tags(wire: Any) -> dict[str, Scalar]:
    """Tags that cannot be read are left out: the span is still worth having."""
    found: dict[str, Scalar] = {}
    for tag in _objects(wire):
        value = tag.get("value")
        try:
            found[text(tag.get("key"))] = integer(value) if tag.get("type") == "int64" else scalar(value)
        except Corrupt:
            continue
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects of a list; what is not an object comes as an empty one."""
    for item in value if isinstance(value, list) else ():
        yield _mapping(item)
