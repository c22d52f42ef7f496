"""Containers through the docker SDK: one class that only looks, one with hands that restart, nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Final

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from urllib3.exceptions import HTTPError, ReadTimeoutError

from shared.ports import Container, ContainerEvent, Permanent, Transient

TIMEOUT_S: Final = 10
LISTEN_S: Final = 5
"""How long an event stream may be silent before it is asked for again: how late `stop` may be seen."""
EVENTS: Final = ("die", "oom", "start", "restart", "stop", "kill", "health_status", "create", "destroy")
MANAGED: Final = "sre-space.managed=true"


class ReadOnlyDocker:
    """Fulfils `shared.ports.Engine`. Thread-safe as far as the SDK's session is; `events` has a client of its own."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection = _Connection(address, TIMEOUT_S)

    def inspect(self, name: str) -> Container:
        """The container of exactly this name; an id or a prefix of one is no name. Raises Permanent, Transient."""
        with _failures(name):
            found = self._connection.api.inspect_container(name)
        if found.get("Name") != f"/{name}":
            raise Permanent(f"there is no container named {name}")
        return _container(found)

    def managed(self) -> tuple[Container, ...]:
        """All containers labelled sre-space.managed=true, by name. Raises Transient."""
        with _failures("containers"):
            listed = self._connection.api.containers(all=True, filters={"label": MANAGED})
        found = []
        for row in listed:
            try:
                with _failures(row["Id"]):
                    found.append(_container(self._connection.api.inspect_container(row["Id"])))
            except Permanent:
                continue  # removed between the two questions
        return tuple(sorted(found, key=lambda c: c.name))

    def logs(self, name: str, lines: int = 50) -> str:
        with _failures(name):
            raw: bytes = self._connection.api.logs(name, tail=lines, timestamps=False)
        return raw.decode(errors="replace")

    def events(self, since: datetime, stop: Callable[[], bool]) -> Iterator[ContainerEvent]:
        """Container events from `since` on, each once, live; `stop` is asked at least every LISTEN_S seconds.

        Raises Transient when the engine hangs up; call again from there.
        """
        listening = _Connection(self._address, LISTEN_S)
        filters = {"type": ["container"], "event": list(EVENTS)}
        second, known = int(since.timestamp()), set[tuple[object, ...]]()
        try:
            while not stop():
                with _failures("events"):
                    for row in _rows(listening.api, {"since": second, "filters": json.dumps(filters)}):
                        if stop():
                            return
                        if row["timeNano"] // 10**9 > second:
                            second, known = row["timeNano"] // 10**9, set()
                        key = (row["timeNano"], row["Actor"]["ID"], row["Action"])
                        if key not in known:
                            known.add(key)
                            yield _event(row)
        finally:
            listening.close()

    def close(self) -> None:
        self._connection.close()


class DockerHands:
    """Fulfils `shared.ports.Hands`: exact names only, two verbs."""

    def __init__(self, address: str) -> None:
        self._looking = ReadOnlyDocker(address)
        self._connection = _Connection(address, TIMEOUT_S)

    def inspect(self, name: str) -> Container:
        return self._looking.inspect(name)

    def restart(self, name: str, grace: timedelta) -> None:
        """Restart the container of exactly this name: SIGTERM, `grace`, SIGKILL, start. Raises Transient, Permanent."""
        container = self._looking.inspect(name)
        with _failures(name):
            self._connection.api.restart(container.id, timeout=max(round(grace.total_seconds()), 1))

    def close(self) -> None:
        self._looking.close()
        self._connection.close()


class _Connection:
    """A client made when it is first needed: an engine that is away when a worker starts is away for now."""

    def __init__(self, address: str, timeout: int) -> None:
        self._address = address
        self._timeout = timeout
        self._client: docker.APIClient | None = None
        self._lock = Lock()

    @property
    def api(self) -> docker.APIClient:
        """The client. Raises the SDK's exceptions: to be asked for inside `_failures`."""
        with self._lock:
            if self._client is None:
                self._client = docker.APIClient(base_url=self._address, version="auto", timeout=self._timeout)
            return self._client

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()


def _rows(api: docker.APIClient, query: Mapping[str, str | int]) -> Iterator[Mapping[str, Any]]:
    """The rows of one event stream, until it has been silent for LISTEN_S. (The SDK's own waits without end.)"""
    url = f"{api.base_url}/v{api.api_version}/events"
    with closing(api.get(url, params=query, stream=True, timeout=(TIMEOUT_S, LISTEN_S))) as response:
        response.raise_for_status()
        try:
            for line in response.iter_lines():
                yield json.loads(line)
        except requests.ConnectionError as error:
            if not (error.args and isinstance(error.args[0], ReadTimeoutError)):
                raise
        else:
            raise Transient("the engine ended the event stream")


@contextmanager
def _failures(what: str) -> Iterator[None]:
    """The SDK's failures as the two kinds the fleet knows."""
    try:
        yield
    except NotFound as error:
        raise Permanent(f"there is no container named {what}") from error
    except APIError as error:
        if error.status_code is not None and error.status_code < 500:
            raise Permanent(f"the engine refuses {what}: {error.explanation}") from error
        raise Transient(f"the engine failed on {what}: {error}") from error
    except (DockerException, requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise Transient(f"the engine does not answer: {error}") from error


def _container(found: Mapping[str, Any]) -> Container:
    state, config = found["State"], found["Config"]
    health = state.get("Health")
    return Container(
        name=found["Name"].removeprefix("/"),
        id=found["Id"],
        image=found["Image"],
        started_at=state["StartedAt"],
        finished_at=state["FinishedAt"],
        status=state["Status"],
        running=bool(state["Running"]),
        exit_code=int(state["ExitCode"]),
        oom_killed=bool(state.get("OOMKilled")),
        health=health.get("Status") if health else None,
        restart_count=int(found.get("RestartCount") or 0),
        labels=config.get("Labels") or {},
        memory_limit=int(found.get("HostConfig", {}).get("Memory") or 0),
    )


def _event(row: Mapping[str, Any]) -> ContainerEvent:
    attributes = row.get("Actor", {}).get("Attributes", {})
    code = attributes.get("exitCode")
    return ContainerEvent(
        name=attributes.get("name", ""),
        id=row.get("Actor", {}).get("ID", ""),
        action=row.get("Action", ""),
        at=datetime.fromtimestamp(row["timeNano"] / 1e9, UTC),
        exit_code=int(code) if isinstance(code, str) and code.lstrip("-").isdecimal() else None,
    )
