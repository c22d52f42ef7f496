"""A forge with its pages in this process on a free port, and a reader of its server-sent events."""

import asyncio
import json
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn

from embedded.forge.accounts import Account, Role, checked
from embedded.forge.app import build_app
from embedded.forge.http import HangUpProtocol
from embedded.forge.pages import routes
from embedded.forge.world import World, open_world
from tests.waiting import wait_for

REPO = "acme/shop"
FLEET, OUTSIDER = "t-fleet", "t-mallory"
ACCOUNTS = checked(REPO, [Account("sre-fleet", FLEET, Role.ADMIN), Account("mallory", OUTSIDER, Role.READ)])


def revisions(html: str) -> dict[str, str]:
    """The element ids of a page with their revisions, in order."""
    return dict(re.findall(r'id="([^"]+)" data-rev="([^"]+)"', html))


class Site:
    """The served forge: its address, its world, its pages and its REST side."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.session = requests.Session()
        self.session.trust_env = False
        config = uvicorn.Config(
            build_app(world, routes(world)),
            http=HangUpProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve(sockets=[self.listener])))
        self._thread.start()
        wait_for(lambda: self._server.started)

    def rest(self, method: str, path: str, token: str = FLEET, **fields: Any) -> Any:
        """One REST call on the repository that must succeed; its JSON."""
        answer = self.session.request(
            method,
            f"{self.url}/api/v3/repos/{REPO}{path}",
            json=fields or None,
            headers={"Authorization": f"token {token}"},
            timeout=10,
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def page(self, path: str, **headers: str) -> requests.Response:
        """A page of the repository, redirects followed."""
        return self.session.get(f"{self.url}/{REPO}{path}", headers=headers, timeout=10)

    @contextmanager
    def listening(self, query: str = "", **headers: str) -> Iterator[Callable[[], tuple[str, int, dict[str, Any]]]]:
        """Listen to /live; the answer reads the next event (name, id, data), waiting up to 5 s."""
        url = f"{self.url}/{REPO}/live{query}"
        with (
            requests.Session() as session,
            session.get(url, headers=headers, stream=True, timeout=5) as stream,
        ):
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            pieces = stream.iter_content(chunk_size=1)

            def following() -> tuple[str, int, dict[str, Any]]:
                block = b""
                for piece in pieces:
                    block += piece
                    if not block.endswith(b"\r\n\r\n"):
                        continue
                    fields = dict(line.partition(": ")[::2] for line in block.decode().split("\r\n"))
                    if "event" in fields:
                        return fields["event"], int(fields["id"]), json.loads(fields["data"])
                    block = b""
                raise AssertionError("the stream ended")

            yield following

    def stop(self) -> None:
        self.session.close()
        self._server.should_exit = True
        self._thread.join(10)
        self.listener.close()
        self.world.close()


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a forge that was founded once, to be copied: founding runs git many times."""
    folder = tmp_path_factory.mktemp("founded") / "forge"
    open_world(folder, ACCOUNTS).close()
    return folder


@pytest.fixture
def site(tmp_path: Path, founded: Path) -> Iterator[Site]:
    """A fresh forge with its pages."""
    shutil.copytree(founded, tmp_path / "forge")
    running = Site(open_world(tmp_path / "forge", ACCOUNTS))
    try:
        yield running
    finally:
        running.stop()
