"""Fixtures of the Fixer's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.testing.clock import VirtualClock
from shared.testing.engine import MemoryEngine
from tests.fixer.world import TARGET, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    clock = VirtualClock()
    engine = MemoryEngine(clock)
    engine.add(TARGET)
    engine.add("quote-service")
    return World(tmp_path, clock, engine)
