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


def test_what_runs_in_containers_goes_to_one_process_and_the_other_real_parts_to_another() -> None:
    names = ("containers/test_faults.py::test_a", "containers/test_running.py::test_b", "test_undo.py::test_c")
    found = [unit(f"tests/stack/{name}") for name in (*names, "test_alerts.py::test_d")]
    assert found == ["tests/stack/containers/"] * 2 + ["tests/stack/"] * 2


def test_a_browser_is_never_beside_containers_that_come_and_go() -> None:
    assert unit("tests/stack/page/test_many.py::test_a") == unit("tests/stack/containers/test_faults.py::test_b")
