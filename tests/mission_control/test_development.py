"""What `test` hands to pytest."""

from __future__ import annotations

import pytest

from mission_control.development import IN_PARALLEL, TOLD, for_pytest
from tests.machine import ROOT


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_everything_runs_in_several_processes_whatever_the_options() -> None:
    assert for_pytest([]) == [*IN_PARALLEL]
    assert for_pytest(["-k", "kafka", "--durations=9"]) == [*IN_PARALLEL, "-k", "kafka", "--durations=9"]


def test_what_is_named_runs_in_one_process() -> None:
    one = "tests/mission_control/test_development.py::test_what_is_named_runs_in_one_process"
    assert for_pytest(["tests/scenario", "-x"]) == ["tests/scenario", "-x"]
    assert for_pytest([one]) == [one]


def test_the_real_parts_and_the_long_tests_run_one_after_the_other() -> None:
    assert for_pytest(["--real", "-x"]) == [*TOLD, "tests/stack", "-x"]
    assert for_pytest(["--long"]) == [*TOLD, "tests/long"]
    assert for_pytest(["--real", "tests/stack/test_rules.py"]) == ["tests/stack/test_rules.py"]
