"""Fixtures of the Tier-3 tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.escalation.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A forge whose quote-service leaks, and Jules."""
    made = World(tmp_path)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def calm(shared: World) -> Iterator[World]:
    """One world for the tests of a file, well-behaved at the end of each."""
    yield shared
    shared.behave()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world with room for many sessions."""
    made = World(tmp_path_factory.mktemp("calm"), options=("--a-day", "500", "--at-once", "100"))
    try:
        yield made
    finally:
        made.stop()
