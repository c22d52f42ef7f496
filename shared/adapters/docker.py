"""Containers through the docker SDK: one class that only looks, one with hands that restart, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import docker
import requests
from docker.errors import APIError, DockerException, NotFound

from shared.ports import Container, ContainerEvent, Permanent, Transient

TIMEOUT_S: Final = 10
SILENCE_S: Final = 300
"""How long an event stream may be silent before it is asked for again."""
EVENTS: Final = ("die", "oom", "start", "restart", "stop", "kill", "health_status", "create", "destroy")
MANAGED: Final = "sre-space.managed=true"


class ReadOnlyDocker:
    """Fulfils `shared.ports.Engine`. Thread-safe as far as the SDK's session is; `events` has a client of its own."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._api = docker.APIClient(base_url=address, version="auto", timeout=TIMEOUT_S)

    def inspect(self, name: str) -> Container:
        """The container of exactly this name; an id or a prefix of one is no name. Raises Permanent, Transient."""
        with _failures(name):
            found = self._api.inspect_container(name)
        if found.get("Name") != f"/{name}":
            raise Permanent(f"there is no container named {name}")
        return _container(found)

    def managed(self) -> tuple[Container, ...]:
        """All containers labelled sre-space.managed=true, by name. Raises Transient."""
        with _failures("containers"):
            listed = self._api.containers(all=True, filters={"label": MANAGED})
        found = []
        for row in listed:
            try:
                with _failures(row["Id"]):
                    found.append(_container(self._api.inspect_container(row["Id"])))
            except Permanent:
                continue  # removed between the two questions
        return tuple(sorted(found, key=lambda c: c.name))

    def logs(self, name: str, lines: int = 50) -> str:
        with _failures(name):
            raw: bytes = self._api.logs(name, tail=lines, timestamps=False)
        return raw.decode(errors="replace")

    def events(self, since: datetime, stop: Callable[[], bool]) -> Iterator[ContainerEvent]:
        """Container events from `since` on, live. Raises Transient when the engine hangs up; call again from there."""
        client = docker.APIClient(base_url=self._address, version="auto", timeout=SILENCE_S)
        try:
            with _failures("events"):
                filters = {"type": "container", "event": list(EVENTS)}
                stream = client.events(since=int(since.timestamp()), filters=filters, decode=True)
                for row in stream:
                    if stop():
                        return
                    yield _event(row)
            if not stop():
                raise Transient("the engine ended the event stream")
        finally:
            client.close()

    def close(self) -> None:
        self._api.close()


class DockerHands:
    """Fulfils `shared.ports.Hands`: exact names only, two verbs."""

    def __init__(self, address: str) -> None:
        self._looking = ReadOnlyDocker(address)
        self._api = docker.APIClient(base_url=address, version="auto", timeout=TIMEOUT_S)

    def inspect(self, name: str) -> Container:
        return self._looking.inspect(name)

    def restart(self, name: str, grace: timedelta) -> None:
        """Restart the container of exactly this name: SIGTERM, `grace`, SIGKILL, start. Raises Transient, Permanent."""
        container = self._looking.inspect(name)
        with _failures(name):
            self._api.restart(container.id, timeout=max(round(grace.total_seconds()), 1))

    def close(self) -> None:
        self._looking.close()
        self._api.close()


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
    except (DockerException, requests.RequestException, OSError, ValueError) as error:
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
