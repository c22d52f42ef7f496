"""Answers no forge gives on its own: moved issues, odd proxies, lists that shift while they are read."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.adapters.github import Address, GitHub, connect
from shared.ports import Permanent, Transient
from shared.runtime.clock import SystemClock
from tests.adapters.github_world import HASTY, REPO

Reply = tuple[int, dict[str, str], Any]


@dataclass
class Scripted:
    """An HTTP server that answers what the test says. `asked` are the requests, in order."""

    answer: Callable[[str, str, dict[str, str]], Reply] = lambda method, path, headers: (404, {}, {})
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def server() -> Iterator[Scripted]:
    script = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            script.asked.append((self.command, self.path))
            status, headers, body = script.answer(
                self.command, self.path, {k.lower(): v for k, v in self.headers.items()}
            )
            text = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if status != 304:
                self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_one  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    script.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    yield script
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def client(server: Scripted, tmp_path: Path) -> Iterator[GitHub]:
    address = Address(server.url, REPO, "secret-token", timeout=2)
    github = connect(address, tmp_path, SystemClock(), login="fleet-bot", patience=HASTY)
    yield github
    github.close()


def issue(number: int, *, repo: str = REPO, body: str = "") -> dict[str, Any]:
    at = "2026-01-01T00:00:00Z"
    return {
        "number": number, "title": f"issue {number}", "user": {"login": "fleet-bot"}, "body": body, "state": "open",
        "created_at": at, "updated_at": at, "labels": [{"name": "incident"}],
        "html_url": f"https://github.com/{repo}/issues/{number}",
    }  # fmt: skip


def test_a_transferred_issue_is_refused_with_its_new_address(server: Scripted, client: GitHub) -> None:
    def answer(method: str, path: str, headers: dict[str, str]) -> Reply:
        if path.startswith(f"/repos/{REPO}/issues/7"):
            return 301, {"Location": f"{server.url}/repositories/99/issues/3"}, {"message": "Moved Permanently"}
        return 200, {}, [] if "comments" in path else issue(3, repo="acme/other")

    server.answer = answer
    with pytest.raises(Permanent, match="acme/other/issues/3"):
        client.reads.thread(7)


@pytest.mark.parametrize(("status", "word"), [(410, "deleted"), (451, "451"), (401, "expired"), (403, "write access")])
def test_refusals_say_what_a_person_can_do(server: Scripted, client: GitHub, status: int, word: str) -> None:
    server.answer = lambda *_: (status, {}, {"message": "No."})
    with pytest.raises(Permanent, match=word) as refused:
        client.reads.thread(7)
    assert "secret-token" not in str(refused.value)


def test_a_redirection_to_another_host_is_refused_and_never_followed(server: Scripted, client: GitHub) -> None:
    server.answer = lambda *_: (301, {"Location": "http://elsewhere.invalid/repos/x/y/issues/1"}, {})
    with pytest.raises(Permanent):
        client.reads.issue(7)


def test_an_answer_that_is_not_json_is_transient(server: Scripted, client: GitHub) -> None:
    server.answer = lambda *_: (200, {}, "<html>captive portal</html>")
    with pytest.raises(Transient, match="not JSON"):
        client.reads.frozen()


def test_a_created_comment_whose_answer_is_cut_is_looked_for(server: Scripted, client: GitHub) -> None:
    comment = {"id": 5, "user": {"login": "fleet-bot"}, "body": "hello", "created_at": "2126-01-01T00:00:00Z"}
    comment["updated_at"] = comment["created_at"]

    def answer(method: str, path: str, headers: dict[str, str]) -> Reply:
        return (201, {}, '{"id": 5, "us') if method == "POST" else (200, {}, [comment])

    server.answer = answer
    assert client.writes.comment(7, "hello").id == 5
    assert [method for method, _ in server.asked if method == "POST"] == ["POST"]


def test_when_nobody_can_say_whether_it_was_written_it_is_not_written_again(server: Scripted, client: GitHub) -> None:
    server.answer = lambda *_: (502, {}, "")
    client.reads._wire.server_clock.saw("Thu, 01 Jan 2026 00:00:00 GMT", 0.0, 0.0)
    with pytest.raises(Transient, match="unknown"):
        client.writes.comment(7, "hello")
    assert [method for method, _ in server.asked].count("POST") == 1


def test_an_edit_that_github_confirms_but_does_not_keep_is_noticed(server: Scripted, client: GitHub) -> None:
    server.answer = lambda *_: (200, {}, issue(7, body="old"))
    with pytest.raises((Transient, Permanent)):
        client.writes.edit_body(7, "old\n<!-- sre-space:card -->\nnew\n<!-- /sre-space:card -->\n\n")


def test_no_incident_is_missed_when_one_closes_between_two_pages(server: Scripted, client: GitHub) -> None:
    still_open = list(range(1, 251))

    def answer(method: str, path: str, headers: dict[str, str]) -> Reply:
        page = int(parse_qs(urlsplit(path).query).get("page", ["1"])[0])
        rows = [issue(n) for n in still_open[(page - 1) * 100 : page * 100]]
        if page == 1 and 5 in still_open:
            still_open.remove(5)  # everything behind it moves up by one
        etag = f'W/"{page}-{rows[0]["number"] if rows else 0}-{len(rows)}-{rows[-1]["number"] if rows else 0}"'
        if headers.get("if-none-match") == etag:
            return 304, {"ETag": etag}, ""
        link = f'<{server.url}{path.partition("?")[0]}?per_page=100&page={page + 1}>; rel="next"'
        return 200, {"ETag": etag} | ({"Link": link} if len(still_open) > page * 100 else {}), rows

    server.answer = answer
    assert [t.number for t in client.reads.incidents()] == still_open


def test_links_are_followed_on_the_configured_host_only(server: Scripted, client: GitHub) -> None:
    def answer(method: str, path: str, headers: dict[str, str]) -> Reply:
        link = {"Link": '<http://elsewhere.invalid/repositories/1/issues?page=2>; rel="next"'}
        return (200, {}, [issue(2)]) if "page=2" in path else (200, link, [issue(1)])

    server.answer = answer
    assert [t.number for t in client.reads.incidents()] == [1, 2]
    assert server.asked[1][1] == "/repositories/1/issues?page=2"


def test_every_request_names_the_api_version_and_sends_the_token(server: Scripted, client: GitHub) -> None:
    seen: list[dict[str, str]] = []

    def answer(method: str, path: str, headers: dict[str, str]) -> Reply:
        seen.append(headers)
        return 200, {}, []

    server.answer = answer
    client.reads.frozen()
    assert seen[0]["x-github-api-version"] == "2022-11-28"
    assert seen[0]["authorization"] == "token secret-token"
    assert "secret-token" not in repr(client.wire.address)


def test_a_closed_client_reads_no_more_and_says_transient(server: Scripted, client: GitHub) -> None:
    client.close()
    with pytest.raises(Transient, match="stopping"):
        client.reads.snapshot(1)


def test_a_custom_role_counts_as_the_permission_it_builds_on(server: Scripted, client: GitHub) -> None:
    server.answer = lambda *_: (200, {}, {"permission": "write", "role_name": "Release captain"})
    assert client.reads.permission("someone") == "write"
    server.answer = lambda *_: (200, {}, {"permission": "read", "role_name": "triage"})
    assert client.reads.permission("someone") == "triage"
    assert client.reads.permission("dependabot[bot]") == "triage"
    assert server.asked[-1][1].endswith("/collaborators/dependabot%5Bbot%5D/permission")
