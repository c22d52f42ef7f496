"""One forge for all tests of the GitHub adapter, well-behaved and with an empty log in each; a broker for each file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.adapters.chroma import ChromaLibrary
from tests.adapters import chroma_world
from tests.adapters.chroma_world import ChromaProcess
from tests.adapters.github_world import ForgeProcess, World, real, twin
from tests.broker.conftest import EmbeddedBroker


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


@pytest.fixture(scope="session")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaProcess]:
    process = ChromaProcess(tmp_path_factory.mktemp("chroma"))
    yield process
    assert process.stop() == 0


@pytest.fixture(params=["twin", "chroma"])
def knowledge(request: pytest.FixtureRequest) -> Iterator[chroma_world.World]:
    """An empty knowledge base, in memory and in Chroma."""
    world = chroma_world.twin() if request.param == "twin" else chroma_world.real(request.getfixturevalue("chroma"))
    yield world
    if isinstance(world.library, ChromaLibrary):
        world.library.close()


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    running = EmbeddedBroker()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module", params=["embedded", "real"])
def bootstrap(request: pytest.FixtureRequest, broker: EmbeddedBroker) -> str:
    """Where a Kafka listens: the embedded one, then the real one that SRE_TEST_KAFKA names."""
    if request.param == "embedded":
        return broker.bootstrap
    real_one = os.environ.get("SRE_TEST_KAFKA")
    if not real_one:
        pytest.skip("SRE_TEST_KAFKA is not set: no real Kafka to hold to the contract")
    return real_one
