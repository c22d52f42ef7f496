"""What the tests of mission control share: waiting, free ports, and commands run as a person runs them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]


class RunCommand(Protocol):
    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]: ...


def wait_for(condition: Callable[[], object], seconds: float = 15.0) -> None:
    """Return as soon as `condition` is true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this did not come true in time"
        time.sleep(0.02)


def clean_environment(**variables: str) -> dict[str, str]:
    """The environment without anything that points the fleet somewhere."""
    names = ("GITHUB_", "KAFKA_", "JAEGER_", "OTEL_", "DOCKER_", "SRE_")
    return {key: value for key, value in os.environ.items() if not key.startswith(names)} | {
        "PYTHONPATH": str(ROOT),
        **variables,
    }


def port_base(count: int = 12) -> int:
    """The first of `count` consecutive ports that are all free."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            base: int = probe.getsockname()[1]
        if base + count < 65500 and all(is_free(base + n) for n in range(count)):
            return base


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


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


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder with a short path, so that sockets fit; nothing started for it survives the test."""
    with tempfile.TemporaryDirectory(prefix="mc-", ignore_cleanup_errors=True) as folder:
        path = Path(folder).resolve()
        yield path
        for process in marked(path):
            process.kill()


@pytest.fixture
def command() -> RunCommand:
    """`python -m mission_control …`, to its end."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "mission_control", *arguments],
            env=clean_environment(**variables),
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    return run
