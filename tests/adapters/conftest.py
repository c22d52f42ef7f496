"""One forge for all tests of the GitHub adapter; each test finds it well-behaved, with an empty log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.github_world import ForgeProcess, World, real, twin


@pytest.fixture(scope="session")
def forge_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgeProcess]:
    process = ForgeProcess(tmp_path_factory.mktemp("forge"))
    yield process
    process.stop()


@pytest.fixture
def forge(forge_process: ForgeProcess) -> Iterator[ForgeProcess]:
    forge_process.forget()
    yield forge_process
    forge_process.disconnect()
    forge_process.forget()


@pytest.fixture(params=["twin", "forge"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """The repository in memory, and the adapter on the embedded forge."""
    return twin() if request.param == "twin" else real(request.getfixturevalue("forge"), tmp_path)
