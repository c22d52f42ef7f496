"""The programs of the embedded world, and of the fleet."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from mission_control.settings import REPOSITORY_ROOT
from mission_control.world.child import Program
from mission_control.world.processes import environment

_LONGEST_SOCKET: Final = 100
"""Bytes of a Unix socket's path that work everywhere (Linux allows 107)."""


def broker(state: Path, port: int) -> Program:
    return _program("broker", state, ["--port", str(port), "--data", str(state / "broker")])


def forge(state: Path, port: int) -> Program:
    accounts = state / "forge-accounts.json"
    return _program("forge", state, ["--port", str(port), "--data", str(state / "forge"), "--accounts", str(accounts)])


def traces(state: Path, otlp_port: int, query_port: int) -> Program:
    return _program("traces", state, ["--otlp-port", str(otlp_port), "--query-port", str(query_port)])


def engine(state: Path) -> Program:
    sockets = socket_folder(state)
    arguments = ["--socket", str(sockets / "docker.sock"), "--readonly-socket", str(sockets / "docker-ro.sock")]
    return _program("engine", state, [*arguments, "--data", str(state / "engine")])


def jules(state: Path, port: int, forge: str) -> Program:
    accounts, key = state / "forge-accounts.json", state / "jules.key"
    where = ["--port", str(port), "--data", str(state / "jules"), "--forge", forge]
    return _program("jules", state, [*where, "--accounts", str(accounts), "--key-file", str(key)])


def chroma(state: Path, port: int) -> Program:
    """Not waited for: the fleet works without it, and asks it again and again."""
    program = _program("chroma", state, ["--port", str(port), "--data", str(state / "chroma")])
    return replace(program, ready_within=60.0, awaited=False)


def worker(name: str, state: Path, variables: Mapping[str, str | None]) -> Program:
    """An agent in a process of its own; `variables` is all it knows."""
    argv = (sys.executable, "-P", "-m", "mission_control", "run", name)
    return Program(name, argv, environment(state, PYTHONPATH=str(REPOSITORY_ROOT), **variables))


def deployer(state: Path) -> Program:
    """What follows the default branch and deploys it; it reads run.json."""
    argv = (sys.executable, "-P", "-m", "mission_control", "deploy", "--follow", "--state", str(state))
    return Program("deployer", argv, environment(state, PYTHONPATH=str(REPOSITORY_ROOT)))


def socket_folder(state: Path) -> Path:
    """Where the engine's sockets are: the state folder, or a short private one when its path is too long for that."""
    if len(str(state / "docker-ro.sock")) <= _LONGEST_SOCKET:
        return state
    short = hashlib.sha256(str(state).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"sre-space-{os.getuid()}-{short}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise PermissionError(f"{folder} belongs to somebody else; give a shorter --state")
    return folder


def _program(name: str, state: Path, arguments: list[str]) -> Program:
    argv = (sys.executable, "-P", "-m", f"embedded.{name}", *arguments)
    env = environment(state, PYTHONPATH=str(REPOSITORY_ROOT), PYTHONUNBUFFERED="1")
    return Program(name, argv, env, ready_line=True)
