"""A customer's journey through the real services, by API and by page."""

import html
import re

from tests.patients.shop import ADA, Shop, new_trace
from tests.waiting import wait_for

ERROR = 2
SERVER, CLIENT = "SERVER", "CLIENT"


def test_a_purchase_is_one_connected_trace_through_four_services(shop: Shop) -> None:
    headers = new_trace()
    assert shop.purchase(headers).status_code == 201
    _, trace_id, caller, _ = headers["traceparent"].split("-")
    wait_for(lambda: len(shop.collector.trace_of(trace_id)) >= 9)
    spans = shop.collector.trace_of(trace_id)
    by_id = {span["span_id"]: span for span in spans}
    roots = [span for span in spans if span["parent_id"] not in by_id]
    assert [(root["service"], root["name"], root["parent_id"]) for root in roots] == [
        ("frontend", "POST /api/purchases", caller)
    ]
    path = []
    span = next(span for span in spans if span["service"] == "user-service" and span["name"].endswith("customer_id}"))
    while True:
        path.append((span["service"], span["kind"]))
        if span["parent_id"] not in by_id:
            break
        span = by_id[span["parent_id"]]
    assert path == [
        ("user-service", SERVER),
        ("policy-service", CLIENT),
        ("policy-service", SERVER),
        ("quote-service", CLIENT),
        ("quote-service", SERVER),
        ("frontend", CLIENT),
        ("frontend", SERVER),
    ]
    assert all(span["status"] != ERROR for span in spans)


def test_spans_follow_the_http_conventions_and_name_their_instance(shop: Shop) -> None:
    headers = new_trace()
    shop.purchase(headers)
    trace_id = headers["traceparent"].split("-")[1]
    wait_for(lambda: len(shop.collector.trace_of(trace_id)) >= 9)
    spans = shop.collector.trace_of(trace_id)
    server = next(span for span in spans if span["service"] == "policy-service" and span["kind"] == SERVER)
    assert server["attributes"]["http.request.method"] == "POST"
    assert server["attributes"]["http.route"] == "/policies"
    assert server["attributes"]["http.response.status_code"] == 201
    client = next(span for span in spans if span["service"] == "quote-service" and span["name"] == "POST /policies")
    assert client["attributes"]["peer.service"] == "policy-service"
    assert client["attributes"]["server.port"] == shop.services["policy_service"].port
    assert str(shop.services["policy_service"].pid) in server["resource"]["service.instance.id"]


def test_a_person_buys_a_policy_with_plain_forms(shop: Shop) -> None:
    page = shop.client.get("/")
    assert 'method="post" action="/quotes"' in page.text
    assert set(re.findall(r'name="(\w+)"', page.text)) >= {"name", "age", "postcode", "claims", "product", "cover"}
    quote = shop.client.post("/quotes", data={name: str(value) for name, value in ADA.items()}, follow_redirects=True)
    assert quote.status_code == 200
    assert re.search(r"€\d+\.\d\d</b> a month", quote.text)
    action = re.search(r'action="(/quotes/Q-[0-9A-F]+/purchase)"', quote.text)
    assert action
    policy = shop.client.post(action[1], follow_redirects=True)
    assert policy.status_code == 200
    assert re.search(r"P-[0-9A-F]{10}", policy.text)
    assert "You are covered, Ada Abara" in policy.text


def test_buying_twice_gives_the_same_policy(shop: Shop) -> None:
    quote_id = shop.quote().json()["quote_id"]
    answers = [shop.client.post("/api/purchases", json={"quote_id": quote_id}).json() for _ in range(2)]
    assert answers[0]["policy_id"] == answers[1]["policy_id"]


def test_hostile_names_are_text(shop: Shop) -> None:
    name = "<script>alert(1)</script>\"'{{7*7}}"
    form = {key: str(value) for key, value in ADA.items()} | {"name": name}
    page = shop.client.post("/quotes", data=form, follow_redirects=True)
    assert page.status_code == 200
    assert "<script" not in page.text
    assert name in html.unescape(page.text)
    again = shop.client.post("/quotes", data=form | {"postcode": '"><b onclick=x>'})
    assert again.status_code == 422
    assert "<b onclick" not in again.text


def test_pages_allow_no_script_and_use_none(shop: Shop) -> None:
    for path in ("/", "/quotes/Q-000000000000", "/nowhere"):
        page = shop.client.get(path)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=", page.text)


def test_a_wrong_form_comes_back_with_what_is_wrong_and_what_was_typed(shop: Shop) -> None:
    page = shop.client.post("/quotes", data={"name": "Bo", "age": "7", "postcode": "", "claims": "0"})
    assert page.status_code == 422
    assert page.text.count('class="error"') == 4
    assert 'value="Bo"' in page.text


def test_senseless_requests_are_refused_with_a_4xx(shop: Shop) -> None:
    post = shop.client.post
    assert shop.quote(age="forty").status_code == 422
    assert shop.quote(age=True).status_code == 422
    assert post("/api/quotes", content=b"{").status_code == 400
    assert post("/api/quotes", content=b"[" * 15000).status_code == 400
    assert post("/api/quotes", content=b"[1]").status_code == 400
    assert post("/api/quotes", content=b" " * 20000).status_code == 413
    assert post("/quotes", json=ADA).status_code == 415
    assert post("/api/purchases", json={"quote_id": "../policies"}).status_code == 404
    assert post("/api/purchases", json={"quote_id": "Q-000000000000"}).status_code == 404
    assert shop.client.get("/static/../pages.py").status_code == 404
    assert shop.client.get("/static/..%2fpages.py").status_code == 404


def test_a_stranger_guessing_quote_numbers_makes_no_error_spans(shop: Shop) -> None:
    headers = new_trace()
    shop.client.get("/quotes/Q-ABCDEF000000", headers=headers)
    trace_id = headers["traceparent"].split("-")[1]
    wait_for(lambda: len(shop.collector.trace_of(trace_id)) == 3)
    assert [span["status"] for span in shop.collector.trace_of(trace_id)] == [0, 0, 0]


def test_a_service_that_is_gone_is_a_502_and_named_by_its_callers_span(shop: Shop) -> None:
    shop.services["user_service"].stop()
    try:
        headers = new_trace()
        answer = shop.client.post("/api/quotes", json=ADA, headers=headers)
        page = shop.client.post("/quotes", data={name: str(value) for name, value in ADA.items()})
    finally:
        shop.services["user_service"].begin()
        shop.services["user_service"].await_ready()
    assert answer.status_code == 502
    assert page.status_code == 502
    assert "We cannot do this right now" in page.text
    trace_id = headers["traceparent"].split("-")[1]
    wait_for(lambda: len(shop.collector.trace_of(trace_id)) >= 4)
    broken = [span for span in shop.collector.trace_of(trace_id) if span["status"] == ERROR]
    assert {span["service"] for span in broken} == {"frontend", "quote-service"}
    deepest = next(span for span in broken if span["attributes"].get("peer.service") == "user-service")
    assert deepest["service"] == "quote-service"
    assert "exception" in deepest["events"]
    assert shop.purchase().status_code == 201


def test_health_tells_version_and_start_and_metrics_count_requests(shop: Shop) -> None:
    service = shop.services["policy_service"]
    shop.purchase()
    health = service.get("/healthz").json()
    assert health["service"] == "policy-service"
    assert health["pid"] == service.pid
    assert {"version", "started_at"} <= health.keys()
    metrics = service.get("/metrics")
    assert metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    sold = re.search(r'^http_requests_total\{method="POST",route="/policies",status="201"\} (\d+)$', metrics.text, re.M)
    assert sold
    assert int(sold[1]) >= 1
    assert re.search(r"^process_resident_memory_bytes \d+$", metrics.text, re.M)
    assert '_bucket{method="POST",route="/policies",le="+Inf"}' in metrics.text
