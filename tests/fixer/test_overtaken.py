"""The table of what ends the wait for a pull request, fact by fact."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents.fixer.overtaken import ENDS, overtaken
from shared.incident.facts import Proposed
from shared.incident.status import TRANSITIONS, Status
from shared.testing.log import LogBuilder
from shared.testing.samples import PULL


def waiting() -> LogBuilder:
    """A pull request of the Fixer's waits for a person."""
    log = LogBuilder()
    log.change = True
    return log.to(Status.FIXING).do("proposed", "proved:person")


def numbers(log: LogBuilder) -> list[int]:
    return [p.number for p in overtaken(log.incident)]


@pytest.mark.parametrize("move", sorted(ENDS & TRANSITIONS[Status.NEEDS_APPROVAL].keys()))
def test_what_ends_the_wait_of_a_person(move: str) -> None:
    assert numbers(waiting()) == []
    assert numbers(waiting().do(move)) == [PULL]


@pytest.mark.parametrize("moves", [("commanded:approve",), ("stuck",), ("merged",), ("merged", "deployed:running")])
def test_what_does_not(moves: tuple[str, ...]) -> None:
    assert numbers(waiting().do(*moves)) == []


def test_a_retry_of_what_was_stuck_ends_it_and_an_undo_later_names_nothing_merged() -> None:
    assert numbers(waiting().do("stuck", "commanded:retry")) == [PULL]
    assert numbers(waiting().do("merged", "deployed:running", "verified:ineffective", "undone:ineffective")) == []


def test_every_end_is_a_move_that_there_is() -> None:
    known = {move for row in TRANSITIONS.values() for move in row}
    assert known >= ENDS


@pytest.mark.parametrize(
    ("moves", "over"), [(("proposed", "refused"), []), (("proposed", "proved:policy", "refused"), [PULL])]
)
def test_what_was_refused_unproved_stays_for_review(moves: tuple[str, ...], over: list[int]) -> None:
    log = LogBuilder()
    log.change = True
    log.to(Status.FIXING).do(*moves)
    assert numbers(log) == over


@pytest.mark.parametrize(("branch", "over"), [("sre-space/incident-7-command-t1", [PULL]), ("mend-it", [])])
def test_of_tier_3_only_what_the_fleet_opened_itself_is_the_fleets(branch: str, over: list[int]) -> None:
    log = LogBuilder().to(Status.ESCALATED).do("dispatched")
    fact = log.next("proposed")
    assert isinstance(fact, Proposed)
    log.say(fact.model_copy(update={"branch": branch})).do("proved:nobody")
    assert numbers(log) == []
    assert numbers(log.do("returned")) == over


def test_a_closed_issue_waits_for_nothing() -> None:
    assert [p.number for p in overtaken(replace(waiting().incident, closed=True))] == [PULL]
