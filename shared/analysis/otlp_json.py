"""OTLP's JSON (as Jaeger's /api/v3 answers) to spans.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: hex ids, 64-bit integers as text or numbers, enums as
numbers or names. Jaeger wraps it in `{"result": …}`, and a streaming gateway sends several such documents in a row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from shared.analysis.spans import Corrupt, Parsed, identifier, instance, integer, moment, parent, scalar, text
from shared.analysis.trace import Scalar, Span, SpanEvent

KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
ERROR: Final = (2, "2", "STATUS_CODE_ERROR")


class NotOtlp(ValueError):
    """The document is not OTLP JSON."""


def parse(document: str | bytes) -> Parsed:
    """The spans in one document or several in a row. Raises NotOtlp; a broken span is only set aside."""
    parts = [spans_in(traces_data) for traces_data in _documents(document)]
    spans = tuple(span for part in parts for span in part.spans)
    return Parsed(spans, sum(part.set_aside for part in parts))


def spans_in(traces_data: Mapping[str, Any]) -> Parsed:
    """The spans of a TracesData that has been read already: `{"resourceSpans": […]}`."""
    spans: list[Span] = []
    set_aside = 0
    for resource_spans in _lists(traces_data, "resourceSpans"):
        resource = _attributes(_mapping(resource_spans.get("resource")).get("attributes"))
        for scope_spans in _lists(resource_spans, "scopeSpans"):
            for wire in _lists(scope_spans, "spans"):
                try:
                    spans.append(_span(wire, resource))
                except (Corrupt, RecursionError):
                    set_aside += 1
    return Parsed(tuple(spans), set_aside)


def _documents(document: str | bytes) -> Iterator[Mapping[str, Any]]:
    whole = document.decode(errors="replace") if isinstance(document, bytes) else document
    decoder, at = json.JSONDecoder(), 0
    while at < len(whole):
        if whole[at].isspace():
            at += 1
            continue
        try:
            found, at = decoder.raw_decode(whole, at)
        except (ValueError, RecursionError) as error:
            raise NotOtlp(f"not JSON at character {at}") from error
        if not isinstance(found, dict):
            raise NotOtlp("not an object")
        inner = found.get("result", found)
        if not isinstance(inner, dict) or not isinstance(inner.get("resourceSpans", []), list):
            raise NotOtlp("no resourceSpans")
        yield inner


def _span(wire: Mapping[str, Any], resource: Mapping[str, Scalar]) -> Span:
    start_ns, end_ns = integer(wire.get("startTimeUnixNano")), integer(wire.get("endTimeUnixNano"))
    start_us, duration_us = moment(start_ns // 1000, (end_ns - start_ns) // 1000)
    status = _mapping(wire.get("status"))
    return Span(
        trace_id=identifier(wire.get("traceId"), 32),
        span_id=identifier(wire.get("spanId"), 16),
        parent_id=parent(wire.get("parentSpanId")),
        service=str(resource.get("service.name", "")),
        operation=text(wire.get("name", "")),
        kind=_kind(wire.get("kind", 0)),
        start_us=start_us,
        duration_us=duration_us,
        error=status.get("code") in ERROR,
        status_message=text(status.get("message", "")),
        attributes=_attributes(wire.get("attributes")),
        events=tuple(_event(event) for event in _lists(wire, "events")),
        instance=instance(resource),
    )


def _event(wire: Mapping[str, Any]) -> SpanEvent:
    return SpanEvent(
        integer(wire.get("timeUnixNano", 0)) // 1000, text(wire.get("name", "")), _attributes(wire.get("attributes"))
    )


def _kind(value: Any) -> str:
    if isinstance(value, str) and value.startswith("SPAN_KIND_"):
        name = value.removeprefix("SPAN_KIND_").lower()
        return name if name in KINDS else ""
    number = integer(value)
    return KINDS[number] if 0 <= number < len(KINDS) else ""


def _attributes(wire: Any) -> dict[str, Scalar]:
    """Attributes that cannot be read are left out: the span is still worth having."""
    found: dict[str, Scalar] = {}
    for pair in wire if isinstance(wire, list) else ():
        if isinstance(pair, dict) and isinstance(pair.get("key"), str) and isinstance(pair.get("value"), dict):
            try:
                found[text(pair["key"])] = scalar(_any_value(pair["value"]))
            except Corrupt:
                continue
    return found


def _any_value(value: Mapping[str, Any]) -> Any:
    for key, inner in value.items():
        match key:
            case "stringValue" | "bytesValue":
                return text(inner)
            case "boolValue":
                return bool(inner)
            case "intValue":
                return integer(inner)
            case "doubleValue":
                return _double(inner)
            case "arrayValue":
                return [_any_value(_mapping(item)) for item in _lists(_mapping(inner), "values")]
            case "kvlistValue":
                return _attributes(_mapping(inner).get("values"))
    return ""


def _double(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Corrupt(f"not a number: {value!r:.80}")
    try:
        return float(value)  # JSON writes NaN and the infinities as text
    except (ValueError, OverflowError) as error:
        raise Corrupt(f"not a number: {value!r:.80}") from error


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _lists(holder: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    """The objects in the list under `key`; what is not an object comes as an empty one, to be set aside."""
    values = holder.get(key)
    for value in values if isinstance(values, list) else ():
        yield _mapping(value)
