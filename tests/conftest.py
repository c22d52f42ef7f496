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

STACK = Path(__file__).parent / "stack"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """tests/stack needs programs of other people: it runs where it is asked for by name, and then skips nothing."""
    asked_for = any(str(STACK.name) in Path(argument.partition("::")[0]).parts for argument in config.args)
    return True if collection_path == STACK and not asked_for else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Among several processes the longest part comes first."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(SCENARIOS))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Schedule:
    """Ours instead of xdist's, whatever `--dist` says."""
    config.option.loadscopereorder = False
    return Schedule(config, log)
