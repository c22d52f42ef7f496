"""The application: who may ask, what is refused, and that nothing of a foreign page, a stranger or a secret gets by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dashboard.guard import CSP, MOST_BODY
from dashboard.sessions import MOST_A_MINUTE
from shared.incident.commands import TABLE
from shared.incident.facts import Detected
from shared.incident.status import Status
from shared.testing.log import LogBuilder
from shared.testing.samples import START
from tests.dashboard.world import FLEET, HOST, OPERATOR, ORIGIN, OUTSIDER, SECRET, World

SAY = "/api/incidents/7/say"
WRITES = [
    ("POST", "/session", {"token": OPERATOR}),
    ("DELETE", "/session", None),
    ("POST", SAY, {"command": "/approve"}),
    ("POST", "/api/freeze", {"why": "x"}),
    ("POST", "/api/unfreeze", {}),
]
HOSTILE = "<script>alert(1)</script> \u202e\x00 ${7*7} [x](javascript:alert(1)) `rm -rf /`"


@pytest.fixture
def world() -> World:
    return World()


def with_an_incident(world: World, status: Status = Status.NEEDS_APPROVAL) -> LogBuilder:
    log = LogBuilder().to(status)
    world.hub.on_incident(log.incident, log.now)
    return log


def test_every_answer_forbids_foreign_code_frames_and_guessing(world: World, tmp_path: Path) -> None:
    for path in ("/", "/api/board", "/api/incidents/99", "/nothing", "/healthz", "/metrics", "/static/x.js"):
        headers = world.client.get(path).headers
        assert headers["content-security-policy"] == CSP, path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
    refused = world.browser("http://evil.example").get("/api/board")
    assert refused.headers["content-security-policy"] == CSP
    assert "unsafe" not in CSP
    assert CSP.startswith("default-src 'none'")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:3001", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "", "localhost."]
)
def test_a_name_that_is_not_ours_reaches_nothing(world: World, host: str) -> None:
    for path in ("/", "/api/board", "/events", "/session", "/static/app.css"):
        assert world.client.get(path, headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:3001", "localhost:3001", "LOCALHOST", "[::1]:3001", "sre.example.org"])
def test_this_machines_names_and_the_configured_one_are_ours(host: str) -> None:
    world = World(hosts=("sre.example.org",))
    assert world.client.get("/api/board", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "", f"{ORIGIN}.evil.example", "http://127.0.0.1:3000", "http://localhost:3001"],
)
def test_only_the_dashboards_own_page_may_write(
    world: World, method: str, path: str, body: dict[str, str] | None, origin: str
) -> None:
    with_an_incident(world)
    world.sign_in()
    answer = world.client.request(method, path, json=body, headers={"Origin": origin, "Host": HOST})
    assert answer.status_code == 403
    assert world.door.people[OPERATOR].said == []


def test_a_write_without_an_origin_is_refused(world: World) -> None:
    world.sign_in()
    del world.client.headers["Origin"]
    assert world.client.post("/api/freeze", json={}).status_code == 403


def test_a_form_of_another_page_cannot_be_sent_as_json(world: World) -> None:
    world.sign_in()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = world.client.post("/api/freeze", content=b"{}", headers={"Content-Type": kind})
        assert answer.status_code == 415, kind
    answer = world.client.post("/api/freeze", content=b"{}", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_a_large_body_is_refused_with_and_without_its_length(world: World) -> None:
    world.sign_in()
    large = json.dumps({"why": "x" * MOST_BODY}).encode()
    assert world.client.post("/api/freeze", content=large).status_code == 413
    pieces = (large[n : n + 1000] for n in range(0, len(large), 1000))
    assert world.client.post("/api/freeze", content=pieces).status_code == 413
    assert world.door.people[OPERATOR].said == []


@pytest.mark.parametrize("body", [b"[]", b"{", b'"x"', b"\xff", b"{" * 5_000, b'{"token": 7}', b"{}"])
def test_a_body_of_another_shape_is_a_bad_request(world: World, body: bytes) -> None:
    assert world.client.post("/session", content=body).status_code == 400


def test_who_is_not_signed_in_writes_nothing(world: World) -> None:
    with_an_incident(world)
    for method, path, body in WRITES[2:]:
        assert world.client.request(method, path, json=body).status_code == 401


def test_a_person_signs_in_acts_as_themselves_and_signs_out(world: World) -> None:
    with_an_incident(world)
    assert world.client.get("/session").json() == {"login": None}
    answer = world.client.post("/session", json={"token": OPERATOR})
    assert answer.json() == {"login": "olivia", "permission": "maintain"}
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert "Path=/" in cookie
    assert OPERATOR not in cookie
    assert world.client.get("/session").json()["login"] == "olivia"
    said = world.client.post(SAY, json={"command": "/approve"})
    assert said.status_code == 202
    assert said.json()["comment_url"].endswith("/issues/7#issuecomment-1")
    assert world.client.post("/api/freeze", json={"why": "a reason"}).status_code == 202
    assert world.client.post("/api/unfreeze", json={}).status_code == 202
    assert world.door.people[OPERATOR].said == [("say", "7", "/approve"), ("freeze", "a reason"), ("unfreeze",)]
    assert world.looked == [7, 0, 0]
    world.client.request("DELETE", "/session")
    assert world.client.get("/session").json() == {"login": None}
    assert world.client.post(SAY, json={"command": "/approve"}).status_code == 401
    assert len(world.sessions) == 0


def test_a_session_ends_after_twelve_hours_and_with_the_process(world: World) -> None:
    world.sign_in()
    world.clock.advance(12 * 3600 + 1)
    assert world.client.get("/session").json() == {"login": None}
    world.sign_in()
    other = World()
    other.client.cookies = world.client.cookies
    assert other.client.get("/session").json() == {"login": None}


def test_the_fleet_cannot_sign_in_and_an_unknown_token_is_refused(world: World) -> None:
    assert world.client.post("/session", json={"token": FLEET}).status_code == 403
    assert world.client.post("/session", json={"token": "who-is-this"}).status_code == 401
    assert world.client.get("/session").json() == {"login": None}


def test_an_outsider_may_look_and_ask_but_neither_approve_nor_freeze(world: World) -> None:
    with_an_incident(world)
    world.sign_in(OUTSIDER)
    for path, body in ((SAY, {"command": "/approve"}), ("/api/freeze", {"why": "x"}), ("/api/unfreeze", {})):
        answer = world.client.post(path, json=body)
        assert answer.status_code == 403
        assert "mallory has read" in answer.json()["error"]
    assert world.client.post(SAY, json={"command": "/explain"}).status_code == 202
    assert world.door.people[OUTSIDER].said == [("say", "7", "/explain")]


def test_a_permission_that_was_taken_away_is_gone_at_once(world: World) -> None:
    with_an_incident(world)
    world.sign_in()
    world.door.people[OPERATOR].role = "read"
    assert world.client.post(SAY, json={"command": "/approve"}).status_code == 403


def test_an_unknown_command_gets_the_nearest_and_is_not_written(world: World) -> None:
    with_an_incident(world)
    world.sign_in()
    answer = world.client.post(SAY, json={"command": "/aprove"})
    assert answer.status_code == 400
    assert "/approve" in answer.json()["error"]
    assert world.client.post(SAY, json={"command": "/approve\n/undo"}).status_code == 400
    assert world.client.post("/api/incidents/8/say", json={"command": "/approve"}).status_code == 404
    assert world.door.people[OPERATOR].said == []


def test_writes_and_attempts_to_sign_in_are_counted(world: World) -> None:
    with_an_incident(world)
    world.sign_in()
    codes = [world.client.post(SAY, json={"command": "/explain"}).status_code for _ in range(MOST_A_MINUTE + 1)]
    assert codes == [202] * MOST_A_MINUTE + [429]
    tries = [world.client.post("/session", json={"token": "guess"}).status_code for _ in range(MOST_A_MINUTE)]
    assert tries[-1] == 429
    world.clock.advance(61)
    assert world.client.post(SAY, json={"command": "/explain"}).status_code == 202


def test_words_of_the_world_pass_as_data_and_never_as_markup(world: World) -> None:
    log = LogBuilder()
    fact = log.next("detected")
    assert isinstance(fact, Detected)
    log.say(fact.model_copy(update={"summary": HOSTILE}))
    log.post(HOSTILE, "mallory")
    world.hub.on_incident(log.incident, log.now)
    answer = world.client.get("/api/incidents/7")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["card"]["summary"] == HOSTILE
    assert answer.json()["words"][0]["text"] == HOSTILE
    assert "\n" not in world.client.get("/api/board").text


def test_no_secret_comes_out_by_any_way(world: World) -> None:
    log = with_an_incident(world)
    world.sign_in()
    token = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
    for text in (f"password={SECRET}", SECRET, OPERATOR, token):
        log.post(f"look: {text}", "mallory")
        world.hub.on_source("github", False, f"refused {text}")
        world.hub.on_switch({"frozen": True, "why": text, "url": None, "readable": True})
    world.hub.on_incident(log.incident, log.now)
    world.traces.away = True
    answers = [
        world.client.get(path)
        for path in ("/", "/api/board", "/api/board?at=2026-01-01T12:00:02Z", "/api/incidents/7", "/session")
    ]
    answers += [world.client.get(f"/api/traces/{'a' * 32}"), world.client.get("/metrics"), world.client.get("/healthz")]
    stream = b"".join(slot.wire for slot in world.hub.ring.after(0)[0]).decode()
    for text in (*(answer.text + str(answer.headers) for answer in answers), stream):
        for secret in (SECRET, OPERATOR, token):
            assert secret not in text


def test_the_past_is_the_log_and_is_not_live(world: World) -> None:
    with_an_incident(world)
    now = world.client.get("/api/board").json()
    assert now["live"] is True
    assert now["counts"] == {"Needs-Approval": 1}
    then = world.client.get("/api/board", params={"at": "2026-01-01T12:00:01Z"}).json()
    assert then["live"] is False
    assert then["counts"] == {"Diagnosed": 1}
    assert (then["services"], then["business"], then["fleet"]) == ([], None, [])
    detail = world.client.get("/api/incidents/7", params={"at": "2026-01-01T12:00:00Z"}).json()
    assert [fact["kind"] for fact in detail["facts"]] == ["detected"]
    assert world.client.get("/api/incidents/7", params={"at": "2025-01-01T12:00:00Z"}).status_code == 404
    for wrong in ("yesterday", "", "99999-01-01", "1e9"):
        assert world.client.get("/api/board", params={"at": wrong}).status_code == 400
    assert then["log_from"] == START.isoformat().replace("+00:00", "Z")


def test_the_board_hands_out_what_each_command_does_in_the_words_of_the_table(world: World) -> None:
    told = world.client.get("/api/board").json()["commands"]
    assert told == {
        f"/{row.name}": {"permission": row.permission, "syntax": row.syntax, "does": row.does} for row in TABLE
    }
    with_an_incident(world)
    (card,) = world.client.get("/api/board").json()["incidents"]
    assert set(card["can"]) <= set(told)


def test_a_trace_is_shown_or_it_is_said_why_not(world: World) -> None:
    missing = world.client.get(f"/api/traces/{'a' * 32}")
    assert (missing.status_code, "no such trace" in missing.json()["error"]) == (404, True)
    world.traces.away = True
    away = world.client.get(f"/api/traces/{'a' * 32}")
    assert (away.status_code, "is away" in away.json()["error"]) == (404, True)
    for odd in ("..%2f..%2fapi", "x" * 32, "a" * 33, "%00"):
        assert world.client.get(f"/api/traces/{odd}").status_code == 404


def test_the_page_and_its_files_are_served_and_nothing_above_them(tmp_path: Path) -> None:
    static = tmp_path / "static"
    static.mkdir()
    (static / "index.html").write_text("<!doctype html>")
    (static / "app.js").write_text("1")
    (tmp_path / "secret").write_text(SECRET)
    world = World(static=static)
    assert world.client.get("/").headers["content-type"].startswith("text/html")
    assert "javascript" in world.client.get("/static/app.js").headers["content-type"]
    for path in ("/static/../secret", "/static/%2e%2e/secret", "/static/..%2fsecret", "/static//etc/passwd"):
        assert world.client.get(path).status_code == 404


def test_health_and_metrics_answer_prometheus_by_any_name(world: World) -> None:
    for path in ("/healthz", "/metrics"):
        assert world.client.get(path, headers={"Host": "dashboard:9000"}).status_code == 200
    text = world.client.get("/metrics").text
    for name in ("clients", "ring_events", "lag_events", "published_total", "sent_total", "boards_total"):
        assert f"\nsre_dashboard_{name} " in text
