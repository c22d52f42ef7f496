"""The table itself: who moves what, and what cannot be reached without whom."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from shared.incident import render
from shared.incident.facts import KINDS
from shared.incident.labels import CATALOGUE, LEARNED
from shared.incident.record import Role
from shared.incident.status import OWNERS, TRANSITIONS, Status, reachable
from shared.testing.log import LogBuilder
from shared.testing.samples import sample

MOVES = {move for kind in KINDS for move in kind.MOVES}
FIXED_BY_ACTING = {Status.FIXING, Status.VERIFYING}


def without(*moves: str) -> dict[Status, dict[str, Status]]:
    return {s: {m: t for m, t in row.items() if not m.startswith(moves)} for s, row in TRANSITIONS.items()}


def test_every_status_can_be_reached() -> None:
    assert reachable(TRANSITIONS) == frozenset(Status)


def test_without_rulings_nothing_is_ever_acted_on() -> None:
    assert reachable(without("ruled")) & (FIXED_BY_ACTING | {Status.APPROVED}) == set()


def test_without_a_permit_of_either_sort_nothing_is_ever_acted_on() -> None:
    """A pull request that a person has merged on GitHub is a permit too."""
    assert reachable(without("ruled:allow", "commanded:approve", "merged")) & FIXED_BY_ACTING == set()


@pytest.mark.parametrize("moves", [("diagnosed", "proved:others"), ("began", "merged")])
def test_acting_needs_a_diagnosis_and_an_intent(moves: tuple[str, ...]) -> None:
    """Or the proved pull request of somebody else; or the merge that a person has done."""
    assert reachable(without(*moves)) & FIXED_BY_ACTING == set()


def test_only_what_scout_verified_is_fixed() -> None:
    assert Status.FIXED not in reachable(without("verified"))
    assert OWNERS["verified"] == {"scout"}


def test_who_acts_does_not_rule_direct_or_certify() -> None:
    said_by_the_fixer = {kind for kind, owners in OWNERS.items() if "fixer" in owners}
    did = {"began", "applied", "proposed", "proved", "merged", "deployed", "undone", "refused"}
    assert said_by_the_fixer == did | {"stuck"}
    said_by_the_brain = {kind for kind, owners in OWNERS.items() if "brain" in owners}
    assert said_by_the_brain == {"diagnosed", "escalated", "stuck", "advised"}


def test_a_models_words_move_nothing_and_stand_only_where_nobody_else_is_about_to_write() -> None:
    rows = {status: row["advised"] for status, row in TRANSITIONS.items() if "advised" in row}
    assert all(status is target for status, target in rows.items())
    assert set(rows) == {Status.DETECTED, Status.NEEDS_APPROVAL, Status.ESCALATED, Status.NEEDS_HUMAN}


def test_each_kind_has_an_owner_a_template_and_a_row_for_each_move() -> None:
    templates = Path(render.__file__).parent / "templates"
    for kind in KINDS:
        name = kind.model_fields["kind"].default
        assert OWNERS[name] <= set(get_args(Role))
        assert (templates / f"{name}.md").is_file()
        for move in kind.MOVES:
            assert any(move in row for row in TRANSITIONS.values()), move
            assert sample(move).move == move


def test_the_table_names_no_move_that_no_fact_has() -> None:
    assert {move for row in TRANSITIONS.values() for move in row} == MOVES
    assert set(OWNERS) == {kind.model_fields["kind"].default for kind in KINDS}


def test_every_open_status_has_a_way_to_the_end() -> None:
    for status in Status:
        assert Status.CLOSED in reachable(TRANSITIONS, status), status


def test_every_status_but_the_first_and_last_is_a_label_in_the_catalogue() -> None:
    assert {s for s in Status if s not in CATALOGUE} == {Status.NEW, Status.CLOSED}
    assert LEARNED in CATALOGUE


@pytest.mark.parametrize("status", list(Status))
def test_every_row_is_taken_as_the_table_says(status: Status) -> None:
    for move, target in TRANSITIONS[status].items():
        log = LogBuilder().ready(status, move)
        assert log.incident.status is status
        log.say(log.next(move))
        assert log.incident.status is target, (move, log.incident.rejected)
        assert log.incident.rejected == ()
