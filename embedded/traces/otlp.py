"""OTLP ExportTraceServiceRequest (protobuf) to stored spans. Read once, then the message is dropped.

Wire format: https://opentelemetry.io/docs/specs/otlp/ and opentelemetry-proto v1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # the wheel has no stubs
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from embedded.traces.model import (
    KINDS,
    NO_PARENT,
    NOTHING,
    STAMP,
    Attributes,
    Event,
    Link,
    Rare,
    Resource,
    Scope,
    Span,
    Trace,
    Value,
    pairs,
)

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource as WireResource
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

UNKNOWN_SERVICE: Final = "OTLPResourceNoServiceName"
"""What Jaeger calls a resource without `service.name`."""

POOL_SIZE: Final = 20_000


class Malformed(ValueError):
    """The body is not an ExportTraceServiceRequest."""


class Pool:
    """Lets equal texts, resources and scopes share one object. Forgets everything when full."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._resources: dict[bytes, Resource] = {}
        self._scopes: dict[bytes, Scope] = {}

    def text(self, value: str) -> str:
        if len(self._texts) >= POOL_SIZE:
            self._texts.clear()
        return self._texts.setdefault(value, value)

    def resource(self, key: bytes, made: Resource) -> Resource:
        if len(self._resources) >= POOL_SIZE:
            self._resources.clear()
        return self._resources.setdefault(key, made)

    def known_resource(self, key: bytes) -> Resource | None:
        return self._resources.get(key)

    def scope(self, key: bytes, made: Scope) -> Scope:
        if len(self._scopes) >= POOL_SIZE:
            self._scopes.clear()
        return self._scopes.setdefault(key, made)


def parse(body: bytes) -> ExportTraceServiceRequest:
    """The message in a protobuf body. Raises Malformed."""
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise Malformed("the body is not an ExportTraceServiceRequest") from error
    return request


def fragments_of(request: ExportTraceServiceRequest, pool: Pool) -> tuple[list[Trace], int]:
    """The traces, or parts of traces, in a request, and how many spans were refused for an invalid id."""
    fragments: dict[bytes, Trace] = {}
    refused = 0
    for resource_spans in request.resource_spans:
        resource = _resource(resource_spans.resource, pool)
        for scope_spans in resource_spans.scope_spans:
            wire = scope_spans.scope
            scope = pool.scope(
                wire.SerializeToString(), Scope(wire.name, wire.version, _attributes(wire.attributes, pool))
            )
            for span in scope_spans.spans:
                trace_id, span_id = span.trace_id, span.span_id
                if len(trace_id) != 16 or len(span_id) != 8 or not any(trace_id) or not any(span_id):
                    refused += 1
                    continue
                trace = fragments.get(trace_id)
                if trace is None:
                    trace = fragments[trace_id] = Trace(trace_id)
                trace.add(_span(span, trace, resource, scope, pool))
    return list(fragments.values()), refused


def _span(span: WireSpan, trace: Trace, resource: Resource, scope: Scope, pool: Pool) -> Span:
    parent = span.parent_span_id
    return Span(
        trace,
        STAMP.pack(
            span.span_id,
            parent if len(parent) == 8 else NO_PARENT,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
        ),
        pool.text(span.name),
        span.kind if span.kind < len(KINDS) else 0,
        span.status.code,
        _attributes(span.attributes, pool),
        _rare(span, pool),
        resource,
        scope,
    )


def _rare(span: WireSpan, pool: Pool) -> Rare:
    if not (span.events or span.links or span.status.message or span.trace_state):
        return NOTHING
    return Rare(
        pool.text(span.status.message),
        span.trace_state,
        tuple(Event(e.time_unix_nano, pool.text(e.name), _attributes(e.attributes, pool)) for e in span.events),
        tuple(Link(link.trace_id, link.span_id, _attributes(link.attributes, pool)) for link in span.links),
    )


def _resource(wire: WireResource, pool: Pool) -> Resource:
    key = wire.SerializeToString()
    known = pool.known_resource(key)
    return known or pool.resource(key, resource_of(_attributes(wire.attributes, pool)))


def resource_of(attributes: Attributes) -> Resource:
    """A resource with its service name taken from `service.name`."""
    named = dict(pairs(attributes)).get("service.name")
    return Resource(named if isinstance(named, str) and named else UNKNOWN_SERVICE, attributes)


def _attributes(wire: Iterable[KeyValue], pool: Pool) -> Attributes:
    flat: list[Value] = []
    for pair in wire:
        flat.append(pool.text(pair.key))
        flat.append(_value(pair.value, pool))
    return tuple(flat)


def _value(value: AnyValue, pool: Pool) -> Value:
    match value.WhichOneof("value"):
        case "string_value":
            return pool.text(value.string_value)
        case "int_value":
            return value.int_value
        case "bool_value":
            return value.bool_value
        case "double_value":
            return value.double_value
        case "bytes_value":
            return value.bytes_value
        case "array_value":
            return [_value(item, pool) for item in value.array_value.values]
        case "kvlist_value":
            return {pair.key: _value(pair.value, pool) for pair in value.kvlist_value.values}
        case _:
            return None
