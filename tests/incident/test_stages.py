"""The stages of an incident: done, at work, failed, to do or skipped, as its facts say and nothing else."""

from __future__ import annotations

import pytest

from shared.incident.stages import ORDER, stages
from shared.incident.status import TRANSITIONS, Status
from shared.testing.log import LogBuilder


def states(log: LogBuilder) -> str:
    """One letter a stage: d done, n now, f failed, t to do, s skipped."""
    rows = stages(log.incident)
    assert tuple(row.name for row in rows) == ORDER
    return "".join(row.state[0] for row in rows)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.DETECTED, "dntttt"),
        (Status.DIAGNOSED, "ddnttt"),
        (Status.NEEDS_APPROVAL, "ddnttt"),
        (Status.APPROVED, "dddntt"),
        (Status.FIXING, "dddntt"),
        (Status.VERIFYING, "ddddnt"),
    ],
)
def test_what_is_behind_is_done_what_is_at_work_is_now_and_the_rest_is_to_do(status: Status, expected: str) -> None:
    assert states(LogBuilder().to(status)) == expected


def test_a_healed_incident_has_done_all_six() -> None:
    log = LogBuilder().to(Status.VERIFYING).do("verified:healthy", "learned")
    assert states(log) == "dddddd"


def test_what_recovered_by_itself_skipped_what_nobody_did() -> None:
    log = LogBuilder().to(Status.DETECTED).do("verified:recovered")
    assert states(log) == "dsssdn"
    assert states(log.do("learned")) == "dsssdd"


def test_a_veto_stands_as_a_failed_ruling_with_its_reason() -> None:
    log = LogBuilder().to(Status.DIAGNOSED).do("ruled:veto")
    assert states(log) == "ddfttt"
    assert "veto" in stages(log.incident)[2].note


def test_a_person_who_denies_is_named() -> None:
    log = LogBuilder().to(Status.NEEDS_APPROVAL).do("commanded:deny")
    row = stages(log.incident)[2]
    assert (row.state, row.by) == ("failed", log.incident.entries[-1].fact.model_dump()["login"])


def test_a_fix_that_did_not_help_sends_it_back_to_diagnosis_and_says_why() -> None:
    log = LogBuilder().to(Status.VERIFYING).do("verified:unhealthy")
    assert states(log) == "dntttt"
    assert "unhealthy" in stages(log.incident)[1].note
    assert states(log.do("diagnosed")) == "ddnttt"


def test_what_is_handed_on_is_with_the_agent_that_works_on_it() -> None:
    log = LogBuilder().to(Status.DETECTED).do("escalated")
    assert states(log) == "dftttt"
    log.do("dispatched")
    assert states(log) == "dfsntt".replace("s", "s")
    assert stages(log.incident)[3].note.startswith("with ")


def test_a_retry_by_a_person_takes_it_up_again() -> None:
    log = LogBuilder().to(Status.DETECTED).do("stuck")
    assert states(log) == "dftttt"
    assert states(log.do("commanded:retry")) == "dntttt"


def test_a_new_firing_begins_anew() -> None:
    log = LogBuilder().to(Status.VERIFYING).do("verified:healthy", "learned", "detected")
    assert states(log) == "dntttt"


def test_durations_are_between_facts_by_githubs_clock() -> None:
    log = LogBuilder().to(Status.VERIFYING)
    took = [row.took_s for row in stages(log.incident)]
    assert took[:3] == [2.0, 1.0, 1.0]  # two seconds since the onset; the builder's time moves one second a fact
    assert took[3] == 2.0  # began, then applied
    assert took[4:] == [None, None]


@pytest.mark.parametrize(
    ("status", "move"), [(status, move) for status, row in TRANSITIONS.items() for move in row if status != Status.NEW]
)
def test_after_any_lawful_fact_at_most_one_stage_is_at_work_and_none_after_the_end(status: Status, move: str) -> None:
    log = LogBuilder().ready(status, move).do(move)
    letters = states(log)
    assert letters.count("n") <= 1
    if log.incident.status is Status.CLOSED:
        assert set(letters) <= {"d", "s", "f"}
    elif log.incident.status in (Status.NEEDS_HUMAN,):
        assert "f" in letters
