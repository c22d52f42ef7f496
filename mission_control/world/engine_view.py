"""What containers are, asked of the Docker Engine API with the standard library: a glance for `status` and `doctor`.

The docker SDK takes a tenth of a second to load, which is a third of what `status` may take. The fleet itself uses it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import quote, urlsplit

TIMEOUT: Final = 5.0
NEWEST: Final = "v1.41"
"""The API version asked for: Docker 20.10 and later have it."""


class EngineSilent(Exception):
    """The engine does not answer, or not as an engine does."""


@dataclass(frozen=True, slots=True)
class ContainerRow:
    """One container as the engine says it."""

    name: str
    status: str
    health: str
    """healthy, unhealthy, starting, or none: it has no check."""
    labels: tuple[tuple[str, str], ...] = ()


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class EngineView:
    """One engine by its address: unix:///path, tcp://host:port or http://host:port. Other ways raise EngineSilent."""

    def __init__(self, address: str) -> None:
        self.address = address

    def containers(self) -> tuple[ContainerRow, ...]:
        """All of them, also stopped ones, by name. Raises EngineSilent."""
        status, listed = self.ask("GET", "/containers/json?all=1")
        if status != 200:
            raise EngineSilent(f"{self.address}: {status} to the list of containers")
        names = [str(row["Names"][0]).removeprefix("/") for row in listed]
        return tuple(sorted(self._inspected(names), key=lambda row: row.name))

    def ask(self, method: str, path: str) -> tuple[int, Any]:
        """Status and JSON of one request. Raises EngineSilent."""
        connection = self._connection()
        try:
            connection.request(method, f"/{NEWEST}{path}", headers={"Accept": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if body.strip() else None
        except (OSError, HTTPException, ValueError) as error:
            raise EngineSilent(f"{self.address} does not answer: {error}") from error
        finally:
            connection.close()

    def _inspected(self, names: Iterable[str]) -> Iterable[ContainerRow]:
        for name in names:
            status, found = self.ask("GET", f"/containers/{quote(name, safe='')}/json")
            if status != 200:
                continue  # removed between the two questions
            state = found["State"]
            labels = tuple(sorted((found.get("Config", {}).get("Labels") or {}).items()))
            yield ContainerRow(name, str(state["Status"]), (state.get("Health") or {}).get("Status", "none"), labels)

    def _connection(self) -> HTTPConnection:
        parts = urlsplit(self.address)
        if parts.scheme == "unix":
            return _UnixConnection(parts.path)
        if parts.scheme in ("tcp", "http") and parts.hostname:
            return HTTPConnection(parts.hostname, parts.port or 2375, timeout=TIMEOUT)
        raise EngineSilent(f"{self.address}: only unix://, tcp:// and http:// can be asked here")
