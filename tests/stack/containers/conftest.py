"""The stack in real containers: `./mission-control.sh test --real`.

What they need and cannot find is a failure that says which part and why, never a skip.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.containers import parts
from tests.stack.containers.stack import RealStack, running


@pytest.fixture(scope="session")
def docker_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dockerd: the one that runs, else one started for these tests."""
    with parts.dockerd(tmp_path_factory.mktemp("dockerd")) as address:
        yield address


@pytest.fixture(scope="session")
def compose(docker_host: str) -> tuple[str, ...]:
    """The compose command, once everything that the stack is made of is there."""
    command = parts.compose()
    parts.images()
    return command


@pytest.fixture(scope="session")
def stack(compose: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStack]:
    """One stack for all tests; all of it is gone afterwards."""
    folder: Path = tmp_path_factory.mktemp("stack")
    with running(compose, folder) as one:
        yield one


@pytest.fixture
def calm(stack: RealStack) -> RealStack:
    """The stack with no incident open, no fault injected, everything healthy and the write budget rested."""
    stack.calm()
    return stack
