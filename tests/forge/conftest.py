"""A forge in this process on a free port, whose every REST answer is held against GitHub's API description."""

import asyncio
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from github import Auth, Github, GithubRetry
from github.Repository import Repository
from starlette.types import Message, Receive, Scope, Send

from embedded.forge.accounts import Account, Accounts, Role, checked
from embedded.forge.app import Forge, build_app
from embedded.forge.http import HangUpProtocol
from embedded.forge.world import World, open_world
from tests.forge.openapi import Description, Exchange, fetch
from tests.waiting import wait_for

REPO = "acme/shop"
FLEET, OPERATOR, TRIAGER, OUTSIDER, APP = "t-fleet", "t-alice", "t-tom", "t-mallory", "t-app"
ACCOUNTS: Accounts = checked(
    REPO,
    [
        Account("sre-fleet", FLEET, Role.ADMIN),
        Account("alice", OPERATOR, Role.WRITE),
        Account("tom", TRIAGER, Role.TRIAGE),
        Account("mallory", OUTSIDER, Role.READ),
        Account("checker[bot]", APP, Role.WRITE, app=True),
    ],
)


class Recorder:
    """An ASGI layer that keeps what went over the wire."""

    def __init__(self, app: Forge) -> None:
        self._app = app
        self.exchanges: list[Exchange] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: dict[str, Any] = {}
        pieces: list[bytes] = []

        async def spy(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                pieces.append(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, spy)
        path = scope["path"].removeprefix("/api/v3").rstrip("/")
        if path.startswith("/repositories/1296269"):
            path = path.replace("/repositories/1296269", f"/repos/{REPO}", 1)
        if start and path.startswith(("/repos/", "/user", "/rate_limit", "/search/")):
            headers = {name.lower(): value for name, value in start["headers"]}
            kind = headers.get(b"content-type", b"").decode()
            self.exchanges.append(Exchange(scope["method"], path, start["status"], kind, b"".join(pieces)))


class QuickServer(uvicorn.Server):
    """uvicorn's server, noticing within 10 ms (not 100) that it shall stop."""

    async def main_loop(self) -> None:
        await self.on_tick(0)
        while not self.should_exit:
            await asyncio.sleep(0.01)


class Running:
    """A served forge: its address, its world, and sessions for each account."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.recorder = Recorder(build_app(world))
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.api = f"{self.url}/api/v3"
        self.repo = f"{self.api}/repos/{REPO}"
        config = uvicorn.Config(
            self.recorder,
            http=HangUpProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = QuickServer(config)
        self._listener = listener
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve(sockets=[listener])))
        self._thread.start()
        self._sessions: list[requests.Session] = []
        wait_for(lambda: self._server.started)

    def session(self, token: str | None = FLEET) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        if token:
            session.headers["Authorization"] = f"token {token}"
        self._sessions.append(session)
        return session

    def misbehave(self, **fields: Any) -> None:
        answer = self.session(None).put(f"{self.url}/_forge/misbehave", json=fields, headers={"X-Forge-Admin": FLEET})
        assert answer.status_code == 200, answer.text

    def log(self, since: int = 0) -> list[dict[str, Any]]:
        answer = self.session(None).get(f"{self.url}/_forge/log?since={since}", headers={"X-Forge-Admin": FLEET})
        rows: list[dict[str, Any]] = answer.json()
        return rows

    def stop(self) -> None:
        for session in self._sessions:
            session.close()
        self._server.should_exit = True
        self._thread.join(10)
        self._listener.close()
        self.world.close()


@pytest.fixture(scope="session")
def description() -> Description | None:
    """GitHub's API description; None (with the reason printed by test_openapi) when npm cannot provide it."""
    try:
        return Description(fetch())
    except (OSError, subprocess.SubprocessError):
        return None


@pytest.fixture
def forge(tmp_path: Path, description: Description | None) -> Iterator[Running]:
    """A fresh forge. When the test ends, every REST answer it gave must be one GitHub could give."""
    yield from served(tmp_path, description)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, description: Description | None) -> Iterator[Running]:
    """One forge with issue 1 and comment 1, shared by the tests of a module that change nothing."""
    for running in served(tmp_path_factory.mktemp("calm"), description):
        fleet = running.session()
        fleet.post(f"{running.repo}/issues", json={"title": "a", "labels": ["bug"]})
        fleet.post(f"{running.repo}/issues/1/comments", json={"body": "b"})
        yield running


def served(folder: Path, description: Description | None) -> Iterator[Running]:
    """Serve a fresh forge, and afterwards hold its answers against the description."""
    running = Running(open_world(folder / "forge", ACCOUNTS))
    try:
        yield running
    finally:
        running.stop()
    if description is not None:
        complaints = [c for exchange in running.recorder.exchanges for c in description.complaints(exchange)]
        assert not complaints, "\n".join(complaints[:20])


@pytest.fixture
def github(forge: Running) -> Iterator[Callable[[str], Github]]:
    """PyGithub as an account, by token; without pauses between requests and without retries."""
    made: list[Github] = []

    def client(token: str = FLEET, retry: GithubRetry | None = None) -> Github:
        made.append(
            Github(
                auth=Auth.Token(token),
                base_url=forge.api,
                per_page=100,
                retry=retry,
                seconds_between_requests=0,
                seconds_between_writes=0,
                api_version="2022-11-28",
            )
        )
        return made[-1]

    yield client
    for one in made:
        one.close()


@pytest.fixture
def shop(github: Callable[[str], Github]) -> Repository:
    """The repository as the fleet sees it."""
    return github(FLEET).get_repo(REPO)


def paths(repository: Repository, folder: str = "") -> set[str]:
    """What lies in a folder of the default branch."""
    found = repository.get_contents(folder)
    return {one.path for one in (found if isinstance(found, list) else [found])}
