"""Tests in several processes never disturb each other: see tests/schedule.py."""

from __future__ import annotations

from tests.schedule import SCENARIOS, unit


def test_all_scenarios_go_to_one_process() -> None:
    names = ("test_healing.py::test_a", "test_healing.py::test_b[x/y::z]", "test_disturbed.py::test_c")
    assert {unit(SCENARIOS + name) for name in names} == {SCENARIOS}


def test_any_other_file_stays_whole_and_by_itself() -> None:
    names = (
        "tests/forge/test_git.py::test_a[1]",
        "tests/forge/test_git.py::test_b",
        "tests/forge/test_wire.py::test_a",
    )
    assert [unit(name) for name in names] == ["tests/forge/test_git.py"] * 2 + ["tests/forge/test_wire.py"]
