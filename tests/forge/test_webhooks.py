"""Webhooks are signed, told once, and delivered again on request with the same id."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from github.Repository import Repository

from embedded.forge.courier import signature
from tests.forge.conftest import Running
from tests.waiting import wait_for

SECRET = "a shared secret"


class Receiver:
    """A small HTTP server that keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                heard.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(202)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def events(self) -> list[tuple[str, str | None]]:
        return [(headers["x-github-event"], json.loads(body).get("action")) for headers, body in self.heard]

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.stop()


def hook(shop: Repository, receiver: Receiver, events: list[str]) -> Any:
    config = {"url": receiver.url, "content_type": "json", "secret": SECRET}
    made = shop.create_hook("web", config, events)
    wait_for(lambda: ("ping", None) in receiver.events())
    return made


def test_the_signature_is_githubs() -> None:
    told = signature("It's a Secret to Everybody", b"Hello, World!")
    assert told == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_what_happens_is_told_signed_and_in_order(shop: Repository, receiver: Receiver) -> None:
    hook(shop, receiver, ["issues", "issue_comment"])
    issue = shop.create_issue("a")
    issue.add_to_labels("bug")
    issue.create_comment("b").edit("c")
    issue.edit(state="closed")
    wanted = [("issues", "opened"), ("issues", "labeled"), ("issue_comment", "created"), ("issue_comment", "edited")]
    wait_for(lambda: len(receiver.heard) == 6)
    assert receiver.events()[1:] == [*wanted, ("issues", "closed")]
    for headers, body in receiver.heard:
        mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert headers["x-hub-signature-256"] == f"sha256={mac}"
        assert json.loads(body)["repository"]["full_name"] == "acme/shop"
        assert json.loads(body)["sender"]["login"] == "sre-fleet"


def test_a_redelivery_has_the_same_id(shop: Repository, receiver: Receiver, forge: Running) -> None:
    made = hook(shop, receiver, ["issues"])
    shop.create_issue("a")
    wait_for(lambda: len(receiver.heard) == 2)
    wait_for(lambda: len(list(shop.get_hook_deliveries(made.id))) == 2)
    newest = next(iter(shop.get_hook_deliveries(made.id)))
    assert (newest.event, newest.status_code) == ("issues", 202)
    again = forge.session().post(f"{forge.repo}/hooks/{made.id}/deliveries/{newest.id}/attempts")
    assert again.status_code == 202
    wait_for(lambda: len(receiver.heard) == 3)
    assert receiver.heard[2][0]["x-github-delivery"] == receiver.heard[1][0]["x-github-delivery"]
    assert receiver.heard[2][1] == receiver.heard[1][1]


def test_a_deleted_or_switched_off_hook_hears_nothing(shop: Repository, receiver: Receiver) -> None:
    made = hook(shop, receiver, ["issues"])
    made.edit("web", {"url": receiver.url, "content_type": "json"}, events=["issues"], active=False)
    shop.create_issue("a")
    made.edit("web", {"url": receiver.url, "content_type": "json"}, events=["issues"], active=True)
    shop.create_issue("b")
    wait_for(lambda: len(receiver.heard) == 2)
    assert json.loads(receiver.heard[1][1])["issue"]["title"] == "b"
    made.delete()
    assert list(shop.get_hooks()) == []
