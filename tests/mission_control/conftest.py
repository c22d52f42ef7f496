"""What the tests of mission control share: waiting, free ports, and commands run as a person runs them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.machine import clean_environment, kill_marked


class RunCommand(Protocol):
    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder with a short path, so that sockets fit; nothing started for it survives the test."""
    with tempfile.TemporaryDirectory(prefix="mc-", ignore_cleanup_errors=True) as folder:
        path = Path(folder).resolve()
        yield path
        kill_marked(path)


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
