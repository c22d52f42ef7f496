"""The programs of the embedded world, and the folder its forge's repository begins with."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mission_control.child import Program
from mission_control.processes import environment
from mission_control.settings import REPOSITORY_ROOT

_LONGEST_SOCKET: Final = 100
"""Bytes of a Unix socket's path that work everywhere (Linux allows 107)."""
_README: Final = """# marketplace

The control plane of a small insurance marketplace that SRE-Space looks after. An incident is an issue; what the fleet
knows, decides and does about it stands there.

- `protected_services/`: the services, as they run.
- `deploy/policy.yaml`: what the fleet may do. What is not listed is denied.
- `deploy/keys.toml`: the fleet's public keys. A comment is a fact only when one of these signed it.

Open an issue labelled `sre:freeze` and the fleet stops acting until it is closed.
"""


def broker(state: Path, port: int) -> Program:
    return _program("broker", state, ["--port", str(port), "--data", str(state / "broker")])


def forge(state: Path, port: int) -> Program:
    arguments = ["--port", str(port), "--data", str(state / "forge"), "--accounts", str(state / "forge-accounts.json")]
    return _program("forge", state, [*arguments, "--seed-dir", str(state / "seed")])


def traces(state: Path, otlp_port: int, query_port: int) -> Program:
    return _program("traces", state, ["--otlp-port", str(otlp_port), "--query-port", str(query_port)])


def engine(state: Path) -> Program:
    sockets = socket_folder(state)
    arguments = ["--socket", str(sockets / "docker.sock"), "--readonly-socket", str(sockets / "docker-ro.sock")]
    return _program("engine", state, [*arguments, "--data", str(state / "engine")])


def worker(name: str, state: Path, variables: Mapping[str, str | None]) -> Program:
    """An agent in a process of its own; `variables` is all it knows."""
    argv = (sys.executable, "-P", "-m", "mission_control", "run", name)
    return Program(name, argv, environment(state, PYTHONPATH=str(REPOSITORY_ROOT), **variables))


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


def lay_out_seed(state: Path, policy: Path, keyring: Path) -> None:
    """Make `state`/seed: the files of the first commit of the control repository."""
    folder = state / "seed"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "deploy").mkdir(parents=True)
    (folder / "README.md").write_text(_README)
    shutil.copyfile(keyring, folder / "deploy" / "keys.toml")
    if policy.exists():
        shutil.copyfile(policy, folder / "deploy" / "policy.yaml")
    shutil.copytree(
        REPOSITORY_ROOT / "protected_services",
        folder / "protected_services",
        ignore=shutil.ignore_patterns("__pycache__", "*.pyc"),
    )


def _program(name: str, state: Path, arguments: list[str]) -> Program:
    argv = (sys.executable, "-P", "-m", f"embedded.{name}", *arguments)
    env = environment(state, PYTHONPATH=str(REPOSITORY_ROOT), PYTHONUNBUFFERED="1")
    return Program(name, argv, env, ready_line=True)
