"""What a container is to run, read once from the body of `POST /containers/create`."""

from __future__ import annotations

import hashlib
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embedded.engine.errors import ApiError

Json = dict[str, Any]

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_POLICIES = ("", "no", "always", "unless-stopped", "on-failure")
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """A probe: argv, and its times in seconds (the wire has nanoseconds; 0 there means dockerd's default)."""

    argv: tuple[str, ...]
    interval: float
    timeout: float
    retries: int
    start_period: float


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """`no`, `always`, `unless-stopped` or `on-failure`; max_retries 0 means without limit."""

    name: str = "no"
    max_retries: int = 0


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """The immutable part of a container. `config` and `host_config` are what the client sent, echoed by inspect."""

    id: str
    name: str
    image: str
    created: int
    argv: tuple[str, ...]
    env: tuple[str, ...]
    labels: Mapping[str, str]
    working_dir: str
    memory: int
    """Bytes of resident memory the process tree may use; 0 means no limit."""
    restart: RestartPolicy
    healthcheck: Healthcheck | None
    stop_signal: int
    stop_timeout: float
    auto_remove: bool
    config: Json
    host_config: Json

    @property
    def image_id(self) -> str:
        """The image's deterministic id."""
        return image_id(self.image)


def image_id(name: str) -> str:
    """`sha256:…` of the image's name: the embedded world has no layers to hash."""
    return "sha256:" + hashlib.sha256(f"embedded-image:{name}".encode()).hexdigest()


def parse_spec(container_id: str, name: str, created: int, body: Json) -> ContainerSpec:
    """Read a create body. Raises ApiError 400 for what dockerd refuses: bad name, no command, bad policy."""
    if not _NAME.fullmatch(name):
        raise ApiError(400, f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    host = body.get("HostConfig") or {}
    config = {k: v for k, v in body.items() if k not in ("HostConfig", "NetworkingConfig")}
    argv = _argv(config.get("Entrypoint")) + _argv(config.get("Cmd"))
    if not argv:
        raise ApiError(400, "No command specified")
    if not config.get("Image"):
        raise ApiError(400, "No image specified")
    memory = int(host.get("Memory") or 0)
    if memory < 0 or 0 < memory < 6 * 1024 * 1024:
        raise ApiError(400, "Minimum memory limit allowed is 6MB")
    return ContainerSpec(
        id=container_id,
        name=name,
        image=str(config["Image"]),
        created=created,
        argv=argv,
        env=tuple(config.get("Env") or ()),
        labels=dict(config.get("Labels") or {}),
        working_dir=config.get("WorkingDir") or "/",
        memory=memory,
        restart=_restart(host.get("RestartPolicy") or {}),
        healthcheck=_healthcheck(config.get("Healthcheck") or {}),
        stop_signal=parse_signal(config.get("StopSignal") or "SIGTERM"),
        stop_timeout=float(config.get("StopTimeout") or 10),
        auto_remove=bool(host.get("AutoRemove")),
        config=config,
        host_config=host,
    )


def parse_signal(text: str) -> int:
    """`SIGTERM`, `term` or `15` as a number. Raises ApiError 400 for an unknown one."""
    if text.isdigit() and 0 < int(text) < signal.NSIG:
        return int(text)
    wanted = text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"
    try:
        return int(signal.Signals[wanted])
    except KeyError:
        raise ApiError(400, f"Invalid signal: {text}") from None


def _argv(value: object) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    return (value,) if isinstance(value, str) else tuple(str(part) for part in value)  # type: ignore[attr-defined]


def _restart(value: Json) -> RestartPolicy:
    name = value.get("Name") or "no"
    retries = int(value.get("MaximumRetryCount") or 0)
    if name not in _POLICIES:
        raise ApiError(400, f"invalid restart policy '{name}'")
    if retries and name != "on-failure":
        raise ApiError(400, "maximum retry count cannot be used with restart policy '" + name + "'")
    return RestartPolicy(name, retries)


def _healthcheck(value: Json) -> Healthcheck | None:
    test = [str(part) for part in value.get("Test") or ()]
    if not test or test[0] == "NONE":
        return None
    if test[0] not in ("CMD", "CMD-SHELL") or len(test) < 2:
        raise ApiError(400, f"Unknown healthcheck type '{test[0]}' (expected 'CMD')")
    argv = ("/bin/sh", "-c", " ".join(test[1:])) if test[0] == "CMD-SHELL" else tuple(test[1:])
    return Healthcheck(
        argv=argv,
        interval=_seconds(value, "Interval", 30),
        timeout=_seconds(value, "Timeout", 30),
        retries=int(value.get("Retries") or 3),
        start_period=_seconds(value, "StartPeriod", 0),
    )


def _seconds(value: Json, key: str, default: float) -> float:
    nanoseconds = int(value.get(key) or 0)
    if nanoseconds < 0 or 0 < nanoseconds < 1_000_000:
        raise ApiError(400, f"{key} in Healthcheck cannot be less than 1ms")
    return nanoseconds / _SECOND if nanoseconds else default
