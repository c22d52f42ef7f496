"""Incidents of the past, decided again by the code of today: the same, or exactly as somebody has accepted.

A case comes from `./mission-control.sh replay N --export tests/regression/cases/NAME.json`. After a change of judgement
that was meant, `./mission-control.sh replay --case FILE --renew` accepts what differs, and the diff of FILE shows it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from mission_control.replay.again import made_again
from mission_control.replay.bundle import read
from mission_control.replay.table import Result
from shared.incident.facts import Ruled
from shared.incident.replay import replay

FOLDER = Path(__file__).with_name("cases")
CASES = sorted(FOLDER.glob("*.json"))


@cache
def result_of(file: Path) -> Result:
    case = read(file.read_text(encoding="utf-8"))
    return Result(*made_again(case.given), expected=case.expected)


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_a_past_incident_is_decided_as_it_was_then(file: Path) -> None:
    result = result_of(file)
    assert result.incident.whole
    assert result.odd == ()
    assert result.code == 0, "every decision could be made again"


def test_the_cases_hold_decisions_of_every_judge_and_of_every_fault_that_can_be_injected() -> None:
    decisions = {(row.by, row.move) for file in CASES for row in result_of(file).decisions}
    assert decisions >= {
        ("brain", "diagnosed"),
        ("brain", "escalated"),
        ("guardrail", "ruled:allow"),
        ("guardrail", "ruled:needs-approval"),
        ("memory", "learned"),
    }
    faults = {file.stem.partition("-")[0] for file in CASES}
    assert faults >= {"oom", "crash", "hang", "latency", "errors", "conversion"}


def test_a_policy_of_the_past_is_still_known_by_the_hash_that_its_rulings_name() -> None:
    case = read((FOLDER / "oom-before-trust.json").read_text(encoding="utf-8"))
    ruled = replay(case.given.thread, case.given.keyring).last(Ruled)
    assert ruled is not None
    assert case.given.policy is not None
    assert ruled.policy_sha256 == case.given.policy.digest


def test_the_cases_stay_small_enough_to_be_kept_beside_the_code() -> None:
    assert sum(file.stat().st_size for file in CASES) < 1_500_000
