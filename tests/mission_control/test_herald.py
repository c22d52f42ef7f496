"""The herald wakes for what people do and for facts, once each, and believes nothing but numbers."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from mission_control.herald.changes import EVERY_INCIDENT, Hint, of_comments, of_events
from mission_control.herald.herald import PAGE, Herald
from mission_control.herald.webhook import Webhook, authentic
from shared.ports import Transient
from shared.stream import Event
from tests.waiting import wait_for

FLEET = frozenset({"sre-fleet"})
Rows = list[dict[str, Any]]


def comment(number: int, ident: int, who: str = "olivia", *, body: str = "hi", updated: str = "1") -> dict[str, Any]:
    return {
        "id": ident,
        "user": {"login": who},
        "issue_url": f"http://h/repos/o/r/issues/{number}",
        "body": body,
        "created_at": "1",
        "updated_at": updated,
    }


def event(number: int, ident: int, name: str, who: str = "olivia", label: str = "") -> dict[str, Any]:
    row: dict[str, Any] = {"id": ident, "event": name, "actor": {"login": who}, "issue": {"number": number}}
    return row | ({"label": {"name": label}} if label else {})


class Script:
    """A list that answers what it is told to, then stays as it is."""

    def __init__(self, *answers: Rows | Exception | None) -> None:
        self.answers = list(answers)

    def changed(self) -> Rows | None:
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


class Heard:
    """A publisher and a clock."""

    def __init__(self) -> None:
        self.woken: list[tuple[int, str]] = []

    def publish(self, topic: str, key: str, event: Event) -> None:
        assert topic == "sre.wakeups"
        assert key == str(event.data["issue"])
        self.woken.append((event.data["issue"], event.data["why"]))

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def herald(heard: Heard, events: Script, comments: Script, incidents: Script | None = None) -> Herald:
    return Herald(
        "o/r", events, comments, incidents or Script([{"number": 7}]), publisher=heard, clock=heard, fleet=FLEET
    )


def test_what_was_there_at_the_start_is_not_news_and_what_comes_is_told_once() -> None:
    comments = Script([comment(1, 10)], [comment(2, 11), comment(1, 10)], None)
    one = herald(Heard(), Script([]), comments)
    assert one.poll() == []
    assert one.poll() == [Hint(2, "comment")]
    assert one.poll() == []


def test_an_edited_comment_is_news_again() -> None:
    comments = Script([comment(1, 10)], [comment(1, 10, updated="2")])
    one = herald(Heard(), Script(), comments)
    one.poll()
    assert one.poll() == [Hint(1, "comment edited")]


def test_a_page_full_of_news_wakes_for_every_open_incident() -> None:
    heard = Heard()
    comments = Script([comment(1, 1)], [comment(1, 100 + n) for n in range(PAGE)])
    one = herald(heard, Script(), comments, Script([{"number": 3}, {"number": 4}]))
    one.poll()
    one.announce(one.poll())
    assert (3, "more changes than a page") in heard.woken
    assert (4, "more changes than a page") in heard.woken


def test_the_fleets_own_labels_and_words_wake_nobody_but_an_opened_incident_does() -> None:
    rows = [event(1, 1, "labeled", "sre-fleet", "Status: Fixed"), event(1, 2, "labeled", "sre-fleet", "incident")]
    assert of_events(rows, FLEET) == [Hint(1, "detected")]
    assert of_comments([comment(1, 1, "sre-fleet")], FLEET) == []


def test_a_persons_label_wakes_for_its_issue_and_a_freeze_for_all() -> None:
    rows = [event(5, 1, "labeled", label="jules-fix"), event(9, 2, "labeled", "sre-fleet", "sre:freeze")]
    assert of_events(rows, FLEET) == [Hint(5, "labeled jules-fix"), Hint(EVERY_INCIDENT, "freeze")]


def test_rows_without_sense_are_passed_over() -> None:
    assert of_events([{}, {"issue": {"number": "1"}}, {"issue": None, "actor": None}], FLEET) == []
    assert of_comments([{}, {"issue_url": "x/y", "user": None}], FLEET) == []


def test_a_block_that_cannot_be_read_wakes_too_so_that_somebody_says_so() -> None:
    bad = comment(1, 1, "sre-fleet", body="<!-- sre-space:v9 {} -->\n")
    assert of_comments([bad], FLEET) == [Hint(1, "unreadable block")]


def test_it_waits_as_long_as_github_asks_and_goes_on_from_there() -> None:
    heard = Heard()
    comments = Script([comment(1, 1)], Transient("limited", 0.2), [comment(2, 2), comment(1, 1)])
    one = herald(heard, Script(), comments)
    thread = threading.Thread(target=one.run, args=(timedelta(seconds=0.01),))
    began = time.monotonic()
    thread.start()
    try:
        wait_for(lambda: (2, "comment") in heard.woken)
        assert time.monotonic() - began >= 0.2
    finally:
        one.stop()
        thread.join(5)
    assert heard.woken[0] == (7, "resync")


def test_githubs_own_test_vector_is_authentic() -> None:
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    secret = b"It's a Secret to Everybody"
    assert authentic(secret, b"Hello, World!", signature)
    assert not authentic(secret, b"Hello, World?", signature)
    assert not authentic(secret, b"Hello, World!", None)


def test_a_webhook_counts_once_and_only_when_it_is_signed() -> None:
    heard: list[Hint] = []
    webhook = Webhook(0, "secret", heard.append)
    url = f"http://127.0.0.1:{webhook.port}/"
    body = json.dumps({"issue": {"number": 12}}).encode()
    signed = {
        "X-Hub-Signature-256": "sha256=" + hmac.new(b"secret", body, hashlib.sha256).hexdigest(),
        "X-GitHub-Delivery": "one",
    }
    try:
        codes = [requests.post(url, data=body, headers=headers, timeout=5).status_code for headers in (signed,) * 2]
        codes.append(requests.post(url, data=body, headers={"X-GitHub-Delivery": "two"}, timeout=5).status_code)
    finally:
        webhook.close()
    assert codes == [202, 200, 401]
    assert heard == [Hint(12, "webhook")]
