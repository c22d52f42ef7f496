"""What the fleet relies on in Jaeger's query APIs, held by the embedded store and by a real Jaeger alike."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tests.traces.conftest import Backend, Purchase, now_us, tags, v3_spans

DAY_US = 24 * 3600 * 10**6


def v3_window() -> dict[str, str]:
    now = datetime.now(UTC)
    first, last = ((now + timedelta(hours=h)).isoformat().replace("+00:00", "Z") for h in (-1, 1))
    both = {"query.startTimeMin": first, "query.startTimeMax": last}
    return both | {"query.start_time_min": first, "query.start_time_max": last}  # the only ones before 2.15


def test_v3_gives_a_trace_by_id_as_otlp_json(backend: Backend, purchase: Purchase) -> None:
    answer = backend.get(f"/api/v3/traces/{purchase.trace_id}")

    spans = v3_spans(answer.json())
    outer, inner = spans[purchase.front_span], spans[purchase.back_span]
    assert answer.status_code == 200
    assert outer["traceId"] == purchase.trace_id
    assert (outer["name"], outer["kind"], outer.get("parentSpanId", "")) == ("POST /buy", 2, "")
    assert inner["parentSpanId"] == purchase.front_span
    assert inner["status"] == {"code": 2, "message": "declined"}
    assert int(inner["startTimeUnixNano"]) <= int(inner["endTimeUnixNano"])
    values = {attribute["key"]: attribute["value"] for attribute in outer["attributes"]}
    assert values["http.status_code"] == {"intValue": "500"}
    assert values["premium"] == {"doubleValue": 12.5}
    assert values["vip"] == {"boolValue": True}
    assert values["items"] == {"arrayValue": {"values": [{"stringValue": "a"}, {"stringValue": "b"}]}}
    assert inner["events"][0]["name"] == "declined"


def test_v3_names_services_and_operations(backend: Backend, purchase: Purchase) -> None:
    assert {purchase.front, purchase.back} <= set(backend.get("/api/v3/services").json()["services"])
    operations = backend.get("/api/v3/operations", service=purchase.front).json()["operations"]
    assert operations == [{"name": "POST /buy", "spanKind": "server"}]


def test_v3_finds_whole_traces_by_service_and_attribute(backend: Backend, purchase: Purchase) -> None:
    """Jaeger 1.76 knows only the second spelling, and no attributes: it answers the same here."""
    names = {"query.serviceName": purchase.back, "query.service_name": purchase.back, "query.num_traces": "20"}
    query = names | {"query.attributes": json.dumps({"card": "visa"}), **v3_window()}

    answer = backend.get("/api/v3/traces", **query)

    assert set(v3_spans(answer.json())) == {purchase.front_span, purchase.back_span}


def test_v3_without_a_time_range_is_refused_with_its_error_shape(backend: Backend, purchase: Purchase) -> None:
    answer = backend.get("/api/v3/traces", **{"query.serviceName": purchase.front})

    assert answer.status_code == 400
    assert answer.json()["error"]["httpCode"] == 400
    assert "required" in answer.json()["error"]["message"]


def test_v3_unknown_trace_is_404_with_its_error_shape(backend: Backend) -> None:
    answer = backend.get(f"/api/v3/traces/{'ab' * 16}")

    assert answer.status_code == 404
    assert answer.json()["error"]["httpCode"] == 404


def test_legacy_gives_a_trace_by_id_with_processes_references_and_logs(backend: Backend, purchase: Purchase) -> None:
    answer = backend.get(f"/api/traces/{purchase.trace_id}").json()

    found = answer["data"][0]
    spans = {span["spanID"]: span for span in found["spans"]}
    outer, inner = spans[purchase.front_span], spans[purchase.back_span]
    assert found["traceID"] == purchase.trace_id
    assert found["processes"][inner["processID"]]["serviceName"] == purchase.back
    assert tags(found["processes"][outer["processID"]]["tags"])["host.name"] == "h1"
    assert inner["references"][0]["refType"] == "CHILD_OF"
    assert inner["references"][0]["spanID"] == purchase.front_span
    assert inner["operationName"] == "charge"
    assert 0 <= inner["duration"] <= outer["duration"]
    assert abs(now_us() - outer["startTime"]) < DAY_US
    assert tags(inner["tags"]).items() >= {"span.kind": "client", "error": True, "otel.status_code": "ERROR"}.items()
    assert {"key": "http.status_code", "type": "int64", "value": 500} in outer["tags"]
    assert {"key": "vip", "type": "bool", "value": True} in outer["tags"]
    assert {"key": "premium", "type": "float64", "value": 12.5} in outer["tags"]
    assert tags(inner["logs"][0]["fields"]) == {"event": "declined", "exception.message": "no funds"}


def test_legacy_search_finds_by_tag_and_time(backend: Backend, purchase: Purchase) -> None:
    """By a tag that was sent: Jaeger 1.76 keeps the status apart, and finds nothing by the tag `error`."""
    start, end = now_us() - DAY_US, now_us() + DAY_US
    window: dict[str, str | int] = {"start": start, "end": end, "limit": 10, "tags": '{"card":"visa"}'}

    failed = backend.get("/api/traces", service=purchase.back, **window).json()
    fine = backend.get("/api/traces", service=purchase.front, **window).json()

    assert [found["traceID"] for found in failed["data"]] == [purchase.trace_id]
    assert not fine["data"]


def test_legacy_search_without_a_time_range_is_answered(backend: Backend, purchase: Purchase) -> None:
    """With nothing by most versions, with everything by 1.76's memory: nobody may rely on either."""
    answer = backend.get("/api/traces", service=purchase.front)

    assert answer.status_code == 200
    assert [found["traceID"] for found in answer.json()["data"] or []] in ([], [purchase.trace_id])


def test_legacy_search_without_a_service_is_refused_with_its_error_shape(backend: Backend) -> None:
    answer = backend.get("/api/traces")

    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"code": 400, "msg": "parameter 'service' is required"}]


def test_legacy_unknown_trace_is_404_with_its_error_shape(backend: Backend) -> None:
    answer = backend.get(f"/api/traces/{'ab' * 16}")

    assert answer.status_code == 404
    assert answer.json()["errors"] == [{"code": 404, "msg": "trace not found"}]


def test_legacy_names_services_and_operations(backend: Backend, purchase: Purchase) -> None:
    assert purchase.front in backend.get("/api/services").json()["data"]
    assert backend.get(f"/api/services/{purchase.back}/operations").json()["data"] == ["charge"]
    operations = backend.get("/api/operations", service=purchase.back).json()["data"]
    assert operations == [{"name": "charge", "spanKind": "client"}]


def test_dependencies_count_the_calls_between_services(backend: Backend, purchase: Purchase) -> None:
    links = backend.get("/api/dependencies", endTs=now_us() // 1000 + 60_000, lookback=3_600_000).json()["data"]

    assert {"parent": purchase.front, "child": purchase.back, "callCount": 1} in links
