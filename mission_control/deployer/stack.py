"""`deploy/stack.yaml` as the deployer reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

FILE: Final = "deploy/stack.yaml"
_MEMORY: Final = re.compile(r"([1-9]\d{0,5})m")
_KEY: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class BadStack(Exception):
    """The file does not describe services; the message is one line."""


@dataclass(frozen=True, slots=True)
class Service:
    """What one service runs with. `image` None: the usual one."""

    image: str | None
    memory_mib: int
    replicas: int
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Stack:
    """The desired state: each service by its name."""

    services: Mapping[str, Service]


def parse_stack(text: str | bytes) -> Stack:
    """The desired state in `text`. Raises BadStack."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadStack(f"is no YAML: {' '.join(str(error).split())[:80]}") from error
    if not isinstance(found, dict) or set(found) != {"services"} or not isinstance(found["services"], dict):
        raise BadStack("must hold `services` and nothing else")
    return Stack({str(name): _service(str(name), body) for name, body in found["services"].items()})


def _service(name: str, body: Any) -> Service:
    if not isinstance(body, dict) or not set(body) <= {"image", "mem_limit", "memswap_limit", "environment", "deploy"}:
        raise BadStack(f"{name} may hold image, mem_limit, environment and deploy")
    memory = _MEMORY.fullmatch(str(body.get("mem_limit", "")))
    if memory is None:
        raise BadStack(f"{name}: mem_limit must be a number of MiB such as 192m")
    environment = body.get("environment") or {}
    sound = isinstance(environment, dict) and all(
        isinstance(key, str) and _KEY.fullmatch(key) and isinstance(value, str) for key, value in environment.items()
    )
    if not sound:
        raise BadStack(f"{name}: environment must be names in capitals with quoted values")
    deploy = body.get("deploy") or {"replicas": 1}
    replicas = deploy.get("replicas") if isinstance(deploy, dict) and set(deploy) == {"replicas"} else None
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
        raise BadStack(f"{name}: deploy must hold replicas, a whole number")
    image = body.get("image")
    if image is not None and not isinstance(image, str):
        raise BadStack(f"{name}: image must be a name")
    return Service(image, int(memory[1]), replicas, environment)
