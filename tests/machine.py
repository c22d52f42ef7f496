"""What tests of real processes ask of this machine: an environment, ports, and what is still running."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

ROOT: Final = Path(__file__).resolve().parents[1]
_ELSEWHERE: Final = ("GITHUB_", "CHROMA_", "KAFKA_", "JAEGER_", "OTEL_", "DOCKER_", "SRE_", "OPENAI_")
_FIRST, _STEP, _PLACES = 20_000, 20, 600
_turn = itertools.count(os.getpid() * 53)
"""Each process begins elsewhere, and no call is given what an earlier one was."""


def clean_environment(**variables: str) -> dict[str, str]:
    """The environment without anything that points the fleet somewhere."""
    rest = {key: value for key, value in os.environ.items() if not key.startswith(_ELSEWHERE)}
    return rest | {"PYTHONPATH": str(ROOT), **variables}


def free_ports(count: int) -> int:
    """The first of `count` consecutive free ports, below those the system hands out (32768 on), new in each call."""
    assert count <= _STEP
    for _ in range(_PLACES):
        base = _FIRST + next(_turn) % _PLACES * _STEP
        if all(port_is_free(base + n) for n in range(count)):
            return base
    raise OSError("no free ports")


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


@contextlib.contextmanager
def one_comes_up() -> Iterator[None]:
    """Only one world at a time comes up on this machine: one that is up and starved meanwhile has real incidents."""
    with (Path(tempfile.gettempdir()) / f"sre-space-tests-{os.getuid()}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def marked(state: Path) -> list[psutil.Process]:
    """Every living process that was started for `state`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SRE_SPACE_UP") == str(state) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def kill_marked(state: Path) -> None:
    """Leave no process behind that was started for `state`. One may take others along, which are gone then."""
    for process in marked(state):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
