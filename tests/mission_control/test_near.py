"""GitHub's API on this machine is asked with the standard library, one elsewhere with requests: in the same words.

A server at 127.0.0.2 is elsewhere, as `near` sees it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from mission_control import near
from mission_control.github import GithubSaysNo, NotThere, Repository
from tests.machine import ROOT, clean_environment

Script = dict[str, tuple[int, dict[str, str], Any]]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs this behind a proxy: it is not asked for a server of this test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.2")


@pytest.fixture(params=["127.0.0.1", "127.0.0.2"], ids=["near", "elsewhere"])
def host(request: pytest.FixtureRequest) -> str:
    """Where the server is; who asks it is known by that alone."""
    name = str(request.param)
    assert near.is_near(f"http://{name}") is (name == "127.0.0.1")
    return name


@contextmanager
def server(script: Script, host: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Answers each path as the script says; gives its address and what it was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append({"method": self.command, "path": self.path, "body": body, **self.headers})
            if self.path not in script:
                self.wfile.write(b"what?\r\n\r\n")
                return
            status, headers, content = script[self.path]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: object) -> None: ...

    with HTTPServer((host, 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield f"http://{host}:{http.server_address[1]}", asked
        finally:
            http.shutdown()
            thread.join()


def test_every_page_is_read_with_the_token_and_the_parameters(host: str) -> None:
    script: Script = {"/second": (200, {}, [{"n": 3}])}
    with server(script, host) as (url, asked):
        link = f'<{url}/last>; rel="last", <{url}/second>; rel="next"'
        script["/repos/o/r/issues?per_page=100&labels=a%2Cb"] = (200, {"link": link}, [{"n": 1}, {"n": 2}])
        repository = Repository(url, "o/r", "secret", agent="me")
        assert list(repository.pages("/issues", labels="a,b")) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert [one["Authorization"] for one in asked] == ["token secret"] * 2
    assert asked[0]["User-Agent"] == "me"


def test_a_next_page_elsewhere_is_refused(host: str) -> None:
    script: Script = {"/repos/o/r/issues?per_page=100": (200, {"Link": '<http://127.0.0.1:1/x>; rel="next"'}, [])}
    with server(script, host) as (url, asked), pytest.raises(GithubSaysNo, match="elsewhere"):
        list(Repository(url, "o/r", "t").pages("/issues"))
    assert len(asked) == 1


def test_a_body_is_json_and_a_path_may_have_any_letter(host: str) -> None:
    script: Script = {"/repos/o/r/contents/caf%C3%A9%20x?ref=a%2Fb": (201, {"ETag": "e"}, {"made": True})}
    with server(script, host) as (url, asked):
        answer = Repository(url, "o/r", "t").call("POST", "/contents/café x?ref=a%2Fb", json={})
    assert (answer.json(), answer.headers.get("etag")) == ({"made": True}, "e")
    assert (asked[0]["body"], asked[0]["Content-Type"]) == (b"{}", "application/json")


def test_an_unchanged_list_is_none(host: str) -> None:
    with server({"/repos/o/r/issues?per_page=100": (304, {}, None)}, host) as (url, asked):
        assert Repository(url, "o/r", "t").changed("/issues", "e") == (None, "e")
    assert asked[0]["If-None-Match"] == "e"


@pytest.mark.parametrize(("status", "kind"), [(404, NotThere), (403, GithubSaysNo), (500, GithubSaysNo)])
def test_a_no_is_told_with_its_status(host: str, status: int, kind: type[GithubSaysNo]) -> None:
    script: Script = {"/repos/o/r/x": (status, {}, {"message": "because"})}
    with server(script, host) as (url, asked), pytest.raises(kind, match=f"GET /repos/o/r/x: {status} because") as no:
        Repository(url, "o/r", "t").call("GET", "/x")
    assert (no.value.status, len(asked)) == (status, 1)


def test_a_repository_that_was_renamed_is_followed_elsewhere_and_a_redirect_of_this_machine_is_refused() -> None:
    moved = (301, {"Location": "/repositories/7"}, {"message": "Moved"})
    script: Script = {"/repos/o/r/x": moved, "/repositories/7": (200, {}, {"id": 7})}
    with server(script, "127.0.0.2") as (url, _):
        assert Repository(url, "o/r", "t").call("GET", "/x").json() == {"id": 7}
    with server(script, "127.0.0.1") as (url, _), pytest.raises(GithubSaysNo, match="301 Moved"):
        Repository(url, "o/r", "t").call("GET", "/x")


def test_who_does_not_answer_or_not_in_http_is_named_without_the_token(host: str) -> None:
    with server({}, host) as (url, _), pytest.raises(GithubSaysNo, match=rf"{host}:\d+ does not answer") as no:
        Repository(url, "o/r", "secret").login()
    assert "secret" not in str(no.value)
    with pytest.raises(GithubSaysNo, match=r"127\.0\.0\.1:1 does not answer: ConnectionRefusedError"):
        Repository("http://127.0.0.1:1", "o/r", "secret").login()


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:3000", True),
        ("http://localhost:3000/api/v3", True),
        ("http://[::1]:3000", True),
        ("https://localhost:3000", False),
        ("https://api.github.com", False),
        ("http://127.0.0.1.example.org", False),
        ("http://127.0.0.1@example.org", False),
    ],
)
def test_only_this_machine_without_tls_is_near(url: str, here: bool) -> None:
    assert near.is_near(url) is here


def test_status_of_a_world_of_this_machine_loads_neither_requests_nor_asyncio() -> None:
    code = (
        "import sys, mission_control.settings, mission_control.terminal.status as s\n"
        "print(*{'requests', 'asyncio', 'rich', 'docker', 'github'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=clean_environment(), capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [], "")
