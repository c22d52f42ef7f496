"""The fault file is read defensively and says what counts for a process."""

import json
from pathlib import Path
from typing import Any

import pytest

from protected_services.common.faultfile import Fault, FaultFile, parse_faults, read_catalogue
from protected_services.common.faults import EFFECTS, REQUEST_FAULTS

ENTRY: dict[str, Any] = {
    "id": "a",
    "service": "policy-service",
    "fault": "latency",
    "grade": "mild",
    "since": 100.0,
    "until": None,
    "sticky": False,
}


def parsed(**fields: object) -> Fault:
    return parse_faults(json.dumps([ENTRY | fields]), read_catalogue())[0]


def test_every_fault_of_the_catalogue_has_a_handler_and_three_grades() -> None:
    catalogue = read_catalogue()
    injected = {name for name, kind in catalogue.items() if "committed" not in kind}
    assert injected == set(EFFECTS) | set(REQUEST_FAULTS)
    assert {name for name, kind in catalogue.items() if "grades" not in kind} == {"leak"}, "a patch has no grades"
    for kind in (kind for kind in catalogue.values() if "grades" in kind):
        assert set(kind["grades"]) == {"mild", "medium", "severe"}
        assert kind["default_grade"] in kind["grades"]


def test_a_fault_counts_only_for_processes_older_than_itself() -> None:
    assert parsed().counts("policy-service", started_at=99.0, now=101.0)
    assert not parsed().counts("policy-service", started_at=100.5, now=101.0)
    assert not parsed().counts("user-service", started_at=99.0, now=101.0)
    assert not parsed(until=101.0).counts("policy-service", started_at=99.0, now=101.0)


def test_sticky_faults_count_for_every_process() -> None:
    assert parsed(sticky=True).counts("policy-service", started_at=200.0, now=201.0)


def test_what_is_committed_and_deployed_cannot_be_asked_for_in_a_fault_file() -> None:
    with pytest.raises(ValueError, match="committed and deployed"):
        parsed(fault="conversion")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "7",
        '"faults"',
        "[1]",
        "[null]",
        "[[]]",
        "{}",
        '{"faults": 3}',
        '{"faults": {"a": 1}}',
        "[" * 100_000,
        json.dumps([{}]),
        json.dumps([ENTRY | {"fault": "earthquake"}]),
        json.dumps([ENTRY | {"fault": ["oom"]}]),
        json.dumps([ENTRY | {"grade": {"x": 1}}]),
        json.dumps([ENTRY | {"since": "soon"}]),
        json.dumps([ENTRY | {"since": 10**400}]),
        json.dumps([ENTRY | {"until": []}]),
    ],
)
def test_a_file_that_is_not_understood_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_faults(text, read_catalogue())


def test_a_damaged_file_changes_nothing_and_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "faults.json"
    seen: list[tuple[Fault, ...]] = []
    path.write_text(json.dumps({"faults": [ENTRY]}))
    watch = FaultFile(path, "policy-service", 50.0, seen.append)
    watch.look()
    path.write_bytes(b"\xff\xfe{ no")
    watch.look()
    watch.look()
    assert [[fault.id for fault in faults] for faults in seen] == [["a"]]
    assert len(caplog.records) == 1
    path.unlink()
    watch.look()
    assert seen[-1] == ()
