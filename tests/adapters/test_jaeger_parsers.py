"""The span parsers on anything at all: hostile documents, and the OpenTelemetry library as the reference."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from shared.analysis import jaeger_json, otlp_json, otlp_protobuf
from shared.analysis.spans import into_traces

NOW = 1_800_000_000_000_000_000

KEYS = st.sampled_from(
    [
        *("result", "resourceSpans", "scopeSpans", "spans", "resource", "attributes", "key", "value", "status", "code"),
        *("traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "events"),
        *("data", "traceID", "spanID", "processes", "processID", "p1", "tags", "logs", "fields", "references"),
        *("refType", "startTime", "duration", "stringValue", "intValue", "doubleValue", "arrayValue", "values"),
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["p1", "CHILD_OF", "b7ad6b7169203331", "0af7651916cd43dd8448eb211c80319c", str(NOW), "SPAN_KIND_X"]
    ),
)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=40
)


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS)
def test_any_json_is_parsed_or_refused_and_never_more(document: Any) -> None:
    text = json.dumps(document)
    for parse, refusal in ((otlp_json.parse, otlp_json.NotOtlp), (jaeger_json.parse, jaeger_json.NotJaeger)):
        try:
            parsed = parse(text)
        except refusal:
            continue
        json.dumps([[dict(span.attributes), span.service, span.operation] for span in parsed.spans]).encode()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused_and_never_more(message: bytes) -> None:
    try:
        otlp_protobuf.parse(message)
    except otlp_json.NotOtlp:
        return


def traces_data() -> TracesData:
    data = TracesData()
    resource = data.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "quote"
    resource.resource.attributes.add(key="k8s.pod.name").value.string_value = "quote-7f"
    for number in range(3):
        span = resource.scope_spans.add().spans.add(trace_id=b"\x01" * 16, span_id=bytes([number + 1]) * 8, kind=number)
        span.name = f"öp {number}"
        span.parent_span_id = b"\x01" * 8 if number else b""
        span.start_time_unix_nano, span.end_time_unix_nano = NOW, NOW + number * 10**6
        span.status.code, span.status.message = (2, "bäd") if number == 2 else (0, "")
        span.attributes.add(key="text").value.string_value = "x"
        span.attributes.add(key="int").value.int_value = -5
        span.attributes.add(key="double").value.double_value = 0.25
        span.attributes.add(key="bool").value.bool_value = True
        span.attributes.add(key="bytes").value.bytes_value = b"\xff"
        span.attributes.add(key="list").value.array_value.values.add().string_value = "a"
        span.attributes.add(key="map").value.kvlist_value.values.add(key="k").value.int_value = 1
        span.events.add(name="exception", time_unix_nano=NOW).attributes.add(key="m").value.string_value = "boom"
    return data


def test_protobuf_gives_what_was_put_in() -> None:
    parsed = otlp_protobuf.parse(traces_data().SerializeToString())

    assert parsed.set_aside == 0
    root, _, failed = parsed.spans
    assert (root.service, root.instance, root.operation, root.parent_id) == ("quote", "quote-7f", "öp 0", None)
    assert (failed.parent_id, failed.kind, failed.error, failed.status_message) == ("01" * 8, "server", True, "bäd")
    assert (failed.start_us, failed.duration_us) == (NOW // 1000, 2000)
    assert failed.attributes == {
        "text": "x",
        "int": -5,
        "double": 0.25,
        "bool": True,
        "bytes": "/w==",
        "list": '["a"]',
        "map": '{"k":1}',
    }
    assert [(event.name, event.time_us, event.attributes) for event in failed.events] == [
        ("exception", NOW // 1000, {"m": "boom"})
    ]


@pytest.mark.parametrize("cut", [1, 10, 50])
def test_a_message_that_was_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(otlp_json.NotOtlp):
        otlp_protobuf.parse(traces_data().SerializeToString()[:-cut])


def test_documents_in_a_row_are_one_answer() -> None:
    span = {"spanId": "b7ad6b7169203331", "startTimeUnixNano": NOW, "endTimeUnixNano": NOW}
    documents = [
        {"result": {"resourceSpans": [{"scopeSpans": [{"spans": [{**span, "traceId": trace * 32}]}]}]}}
        for trace in ("a", "b", "a")
    ]

    parsed = otlp_json.parse("\n".join(json.dumps(document) for document in documents))

    assert [trace.trace_id for trace in into_traces(parsed.spans)] == ["a" * 32, "b" * 32]
    assert [len(trace.spans) for trace in into_traces(parsed.spans)] == [1, 1]


def test_enums_may_be_written_as_names() -> None:
    span = {"traceId": "a" * 32, "spanId": "b" * 16, "startTimeUnixNano": str(NOW), "endTimeUnixNano": str(NOW)}
    named = {**span, "kind": "SPAN_KIND_CLIENT", "status": {"code": "STATUS_CODE_ERROR"}}

    [found] = otlp_json.parse(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [named]}]}]})).spans

    assert (found.kind, found.error) == ("client", True)


def test_half_a_surrogate_pair_and_deep_nesting_do_no_harm() -> None:
    deep: dict[str, Any] = {"stringValue": "x"}
    for _ in range(250):
        deep = {"arrayValue": {"values": [deep]}}
    attributes = [{"key": "half", "value": {"stringValue": "\ud800"}}, {"key": "deep", "value": deep}]
    span = {"traceId": "a" * 32, "spanId": "b" * 16, "startTimeUnixNano": NOW, "endTimeUnixNano": NOW}
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [{**span, "attributes": attributes}, span]}]}]}

    parsed = otlp_json.parse(json.dumps(document))

    assert len(parsed.spans) + parsed.set_aside == 2
    for found in parsed.spans:
        json.dumps(dict(found.attributes), ensure_ascii=False).encode()


def test_an_id_of_a_64_bit_trace_gets_its_zeros_back() -> None:
    span = {"traceID": "5af7183fb1d4cf5f", "spanID": "5af7183fb1d4cf5f", "startTime": NOW // 1000, "duration": 1}

    [found] = jaeger_json.parse(json.dumps({"data": [{"spans": [span]}]})).spans

    assert found.trace_id == "0" * 16 + "5af7183fb1d4cf5f"
