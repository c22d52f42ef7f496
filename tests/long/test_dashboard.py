"""The dashboard of a world as a person starts it: a fault followed on its stream, and what a person does from there."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import yaml

from shared.incident.labels import FREEZE
from tests.machine import ROOT, clean_environment
from tests.scenario.stack import Stack, running
from tests.waiting import wait_for

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(120)]


class Page:
    """What a browser on the dashboard's page is told, and does."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.events: list[tuple[str, str, Any]] = []
        self.session = requests.Session()
        self.session.headers["Origin"] = base
        self._stream = requests.get(f"{base}/events", stream=True, timeout=20)
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        event_id = kind = ""
        try:
            for line in self._stream.iter_lines(chunk_size=1):
                name, _, value = line.decode().partition(": ")
                match name:
                    case "id":
                        event_id = value
                    case "event":
                        kind = value
                    case "data":
                        self.events.append((event_id, kind, json.loads(value)))
        except (requests.RequestException, AttributeError):  # closed by `close`, also while it reads
            return

    def close(self) -> None:
        self._stream.close()

    def told(self, kind: str) -> list[Any]:
        return [data for _, told, data in tuple(self.events) if told == kind]

    def statuses(self, number: int) -> list[str]:
        """The statuses that were told of, each once, in order."""
        found = [card["status"] for card in self.told("incident") if card["number"] == number]
        return list(dict.fromkeys(found))

    def post(self, path: str, **body: str) -> requests.Response:
        return self.session.post(f"{self.base}{path}", json=body, timeout=15)

    def get(self, path: str) -> Any:
        return self.session.get(f"{self.base}{path}", timeout=15).json()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """With a policy that asks a person about quote-service."""
    policy = yaml.safe_load((ROOT / "deploy" / "policy.yaml").read_text(encoding="utf-8"))
    policy["services"]["quote-service"]["approval"] = True
    file = tmp_path_factory.mktemp("policy") / "policy.yaml"
    file.write_text(yaml.safe_dump(policy), encoding="utf-8")
    with running(SRE_POLICY=str(file)) as one:
        yield one


@pytest.fixture
def page(stack: Stack) -> Iterator[Page]:
    one = Page(str(stack.run.dashboard))
    yield one
    one.close()


def test_a_fault_is_followed_on_the_stream_from_detection_to_closed(stack: Stack, page: Page) -> None:
    wait_for(lambda: {"vitals", "business", "beat"} <= {kind for _, kind, _ in page.events}, 40, "telemetry")
    known = stack.numbers()
    with stack.held("fixer"):  # vitals come once a second, and a restart takes less
        stack.inject("oom", "policy-service")
        number = stack.opened(known)
        wait_for(lambda: "bad" in healths(page), 15, "the service is told to be unwell")
    stack.closed(number)
    wait_for(lambda: page.statuses(number)[-1:] == ["Closed"], 15, "the stream says that it is closed")
    board, *_ = page.events
    assert board[1] == "board"
    assert page.statuses(number)[0] in ("Detected", "Diagnosed")
    assert {thought["agent"] for thought in page.told("thought")} >= {"scout", "brain", "guardrail", "fixer", "memory"}
    detail = page.get(f"/api/incidents/{number}")
    assert [fact["kind"] for fact in detail["facts"]][:1] == ["detected"]
    assert {stage["state"] for stage in detail["card"]["stages"]} == {"done"}
    assert detail["card"]["whole"]
    ids = [int(event_id.rpartition("-")[2]) for event_id, _, _ in page.events]
    assert ids[1:] == list(range(ids[0] + 1, ids[0] + len(ids)))
    trace = next(e["trace_id"] for e in detail["evidence"] if e["trace_id"]) if _traced(detail) else None
    assert trace is None or page.get(f"/api/traces/{trace}")["spans"]


def healths(page: Page) -> set[str]:
    """Every health that was told of any service."""
    return {vital["health"] for told in page.told("vitals") for vital in told["services"]}


def _traced(detail: Any) -> bool:
    return any(e["trace_id"] for e in detail["evidence"])


def test_the_past_is_rebuilt_from_the_log(stack: Stack, page: Page) -> None:
    number = min(stack.numbers())
    facts = page.get(f"/api/incidents/{number}")["facts"]
    at = next(fact["posted_at"] for fact in facts if fact["kind"] == "detected")
    then = page.get(f"/api/board?at={at}")
    assert then["live"] is False
    (card,) = [card for card in then["incidents"] if card["number"] == number]
    assert not card["closed"]
    assert card["status"] != "Closed"


def test_a_page_that_comes_back_catches_up_by_id(stack: Stack, page: Page) -> None:
    wait_for(lambda: len(page.events) > 5, 20, "some events")
    last = page.events[1][0]
    headers = {"Last-Event-ID": last}
    with requests.get(f"{page.base}/events", headers=headers, stream=True, timeout=20) as again:
        first = next(line for line in again.iter_lines(chunk_size=1) if line.startswith(b"id: "))
    boot, _, seq = last.rpartition("-")
    assert first.decode() == f"id: {boot}-{int(seq) + 1}"


def test_the_operator_freezes_and_unfreezes_and_an_outsider_does_not(stack: Stack, page: Page) -> None:
    tokens = stack.run.github["tokens"]
    assert page.post("/api/freeze", why="nobody").status_code == 401
    assert page.post("/session", token="ghp_" + "0" * 36).status_code == 401
    assert page.post("/session", token=tokens["fleet"]).status_code == 403
    assert page.post("/session", token=tokens["outsider"]).json()["login"] == "mallory"
    refused = page.post("/api/freeze", why="mischief")
    assert (refused.status_code, "mallory" in refused.json()["error"]) == (403, True)
    assert page.post(f"/api/incidents/{min(stack.numbers())}/say", command="/approve").status_code == 403
    assert page.post("/session", token=tokens["operator"]).json() == {"login": "olivia", "permission": "maintain"}
    assert page.post("/api/freeze", why="a storm").status_code == 202
    wait_for(lambda: [s["frozen"] for s in page.told("switch")][-1:] == [True], 15, "the switch is told")
    assert page.told("switch")[-1]["why"] == "a storm"
    rows = list(stack.repository().pages("/issues", labels=FREEZE, state="open"))
    assert [row["user"]["login"] for row in rows] == ["olivia"]
    assert page.post("/api/unfreeze").status_code == 202
    wait_for(lambda: [s["frozen"] for s in page.told("switch")][-1:] == [False], 15, "the switch is told")


def test_the_operator_approves_from_the_dashboard_and_the_fleet_goes_on(stack: Stack, page: Page) -> None:
    assert page.post("/session", token=stack.run.github["tokens"]["operator"]).status_code == 200
    since = time.time()
    stack.inject("crash", "quote-service")
    number = stack.open_now()
    card = wait_for(lambda: _card(page, number, "Needs-Approval"), 30, "it waits for a person")
    assert "/approve" in card["can"]
    assert stack.restarts(since) == {}
    assert page.post(f"/api/incidents/{number}/say", command="/aprove").status_code == 400
    said = page.post(f"/api/incidents/{number}/say", command="/approve")
    assert said.status_code == 202
    stack.closed(number, 60)
    (words,) = [c for c in stack.comments(number) if c["html_url"] == said.json()["comment_url"]]
    assert (words["user"]["login"], words["body"]) == ("olivia", "/approve")
    wait_for(lambda: page.statuses(number)[-1:] == ["Closed"], 15, "the stream says that it is closed")
    detail = page.get(f"/api/incidents/{number}")
    assert "commanded:approve" in [fact["move"] for fact in detail["facts"]]
    assert detail["card"]["stages"][2]["by"] == "olivia"
    assert stack.restarts(since) == {"quote-service": 1}


def _card(page: Page, number: int, status: str) -> Any:
    found = [c for c in page.told("incident") if (c["number"], c["status"]) == (number, status)]
    return found[-1] if found else None


def test_no_token_of_the_world_was_in_any_answer_or_in_the_log(stack: Stack, page: Page) -> None:
    tokens = [token for token in stack.run.github["tokens"].values() if token]
    log = (stack.state / "logs" / "dashboard.log").read_text(encoding="utf-8")
    text = json.dumps(page.get("/api/board")) + json.dumps(page.events) + log
    assert not [token for token in tokens if token in text]


def test_the_command_prints_a_link_that_signs_the_operator_in(stack: Stack, page: Page) -> None:
    argv = [sys.executable, "-P", "-m", "mission_control", "dashboard", "--state", str(stack.state)]
    done = subprocess.run(argv, env=clean_environment(), capture_output=True, text=True, check=True, timeout=30)
    link = done.stdout.splitlines()[0]
    address, _, token = link.partition("#token=")
    assert address == f"{stack.run.dashboard}/"
    assert page.post("/session", token=token).json()["login"] == "olivia"
