"""OTLP's protobuf (ExportTraceServiceRequest, TracesData) to spans, without a protobuf library.

Only the fields that spans need are read; the rest is skipped as the encoding allows.
Encoding: https://protobuf.dev/programming-guides/encoding/ · messages: opentelemetry-proto v1 (trace, common).
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from shared.analysis.otlp_json import NotOtlp, spans_in
from shared.analysis.spans import Parsed

DEEPEST: Final = 60
"""How deep values may be nested; protobuf libraries stop at 100 messages."""

Kind = Literal["message", "text", "hex", "base64", "bool", "int", "uint64", "double"]


@dataclass(frozen=True, slots=True)
class _Field:
    """One field: its name in OTLP JSON, and how to read it."""

    name: str
    kind: Kind
    message: str = ""
    repeated: bool = False


MESSAGES: Final[dict[str, dict[int, _Field]]] = {
    "TracesData": {1: _Field("resourceSpans", "message", "ResourceSpans", True)},
    "ResourceSpans": {
        1: _Field("resource", "message", "Resource"),
        2: _Field("scopeSpans", "message", "ScopeSpans", True),
    },
    "Resource": {1: _Field("attributes", "message", "KeyValue", True)},
    "ScopeSpans": {2: _Field("spans", "message", "Span", True)},
    "Span": {
        1: _Field("traceId", "hex"),
        2: _Field("spanId", "hex"),
        4: _Field("parentSpanId", "hex"),
        5: _Field("name", "text"),
        6: _Field("kind", "int"),
        7: _Field("startTimeUnixNano", "uint64"),
        8: _Field("endTimeUnixNano", "uint64"),
        9: _Field("attributes", "message", "KeyValue", True),
        11: _Field("events", "message", "Event", True),
        15: _Field("status", "message", "Status"),
    },
    "Event": {
        1: _Field("timeUnixNano", "uint64"),
        2: _Field("name", "text"),
        3: _Field("attributes", "message", "KeyValue", True),
    },
    "Status": {2: _Field("message", "text"), 3: _Field("code", "int")},
    "KeyValue": {1: _Field("key", "text"), 2: _Field("value", "message", "AnyValue")},
    "AnyValue": {
        1: _Field("stringValue", "text"),
        2: _Field("boolValue", "bool"),
        3: _Field("intValue", "int"),
        4: _Field("doubleValue", "double"),
        5: _Field("arrayValue", "message", "ArrayValue"),
        6: _Field("kvlistValue", "message", "KeyValueList"),
        7: _Field("bytesValue", "base64"),
    },
    "ArrayValue": {1: _Field("values", "message", "AnyValue", True)},
    "KeyValueList": {1: _Field("values", "message", "KeyValue", True)},
}


def parse(message: bytes) -> Parsed:
    """The spans in a message. Raises NotOtlp; a span that makes no sense is only set aside."""
    return spans_in(_message(memoryview(message), "TracesData", 0))


def _message(data: memoryview, name: str, depth: int) -> dict[str, Any]:
    if depth > DEEPEST:
        raise NotOtlp(f"nested deeper than {DEEPEST} messages")
    known, found = MESSAGES[name], dict[str, Any]()
    for number, raw in _fields(data):
        field = known.get(number)
        if field is None:
            continue
        value = _value(raw, field, depth)
        if field.repeated:
            found.setdefault(field.name, []).append(value)
        else:
            found[field.name] = value
    return found


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value): an int for a varint, the bytes for everything else."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                value, at = _varint(data, at)
                yield tag >> 3, value
                continue
            case 1:
                size = 8
            case 2:
                size, at = _varint(data, at)
            case 5:
                size = 4
            case other:
                raise NotOtlp(f"wire type {other} at byte {at}")
        if at + size > len(data):
            raise NotOtlp(f"cut short at byte {at}")
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise NotOtlp("cut short within a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise NotOtlp("a number of more than ten bytes")


def _value(raw: int | memoryview, field: _Field, depth: int) -> Any:
    match field.kind, raw:
        case "message", memoryview():
            return _message(raw, field.message, depth + 1)
        case "text", memoryview():
            return bytes(raw).decode(errors="replace")
        case "hex", memoryview():
            return raw.hex()
        case "base64", memoryview():
            return base64.b64encode(raw).decode()
        case "uint64", memoryview() if len(raw) == 8:
            return int.from_bytes(raw, "little")
        case "double", memoryview() if len(raw) == 8:
            return struct.unpack("<d", raw)[0]
        case "bool", int():
            return bool(raw)
        case "int", int():
            return raw - (1 << 64) if raw >= 1 << 63 else raw
        case _:
            raise NotOtlp(f"{field.name} is encoded as something else")
