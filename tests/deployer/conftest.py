"""One engine and one forge for the tests of a module, and a marketplace of its own for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.forge.world import open_world
from tests.deployer.world import Shop
from tests.engine.hosts import EngineProcess
from tests.forge.conftest import ACCOUNTS, Running


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineProcess]:
    process = EngineProcess()
    yield process
    process.close()


@pytest.fixture
def shop(engine: EngineProcess, tmp_path: Path) -> Iterator[Shop]:
    """Nothing is deployed yet."""
    forge = Running(open_world(tmp_path / "forge", ACCOUNTS))
    shop = Shop(forge, engine, tmp_path)
    try:
        yield shop
    finally:
        shop.close()
        forge.stop()
