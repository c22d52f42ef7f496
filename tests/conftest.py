"""For all tests: Hypothesis quick, the same in every run and no judge of how busy the machine is; what runs where."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.schedule import SCENARIOS, Schedule

_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", _ANY_MACHINE, max_examples=60, derandomize=True)
settings.register_profile("thorough", _ANY_MACHINE, max_examples=2_000)
settings.load_profile("fast")

BY_NAME = frozenset(Path(__file__).parent / folder for folder in ("stack", "long"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """tests/stack needs programs of other people and tests/long minutes: they run where they are asked for by name, and
    then skip nothing."""
    if collection_path not in BY_NAME:
        return None
    return not any(collection_path.name in Path(argument.partition("::")[0]).parts for argument in config.args) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Among several processes the longest part comes first."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(SCENARIOS))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Schedule:
    """Ours instead of xdist's, whatever `--dist` says."""
    config.option.loadscopereorder = False
    return Schedule(config, log)
