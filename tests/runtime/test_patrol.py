"""Scout's round: what is seen is opened once, nothing before GitHub was read, nothing forgotten when it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from shared.agent import Open, Reopen, Sighting
from shared.incident.facts import Detected
from shared.incident.replay import Incident
from shared.runtime.archive import Archive
from shared.runtime.patrol import PatrolRound
from shared.testing.samples import FLEET
from tests.runtime.fleet import FleetInMemory
from tests.runtime.test_golden_incident import detected, verified

HOUR = timedelta(hours=1)


@pytest.fixture
def fleet(tmp_path: Path) -> FleetInMemory:
    made = FleetInMemory(tmp_path)
    made.engine.add("policy-service")
    return made


class Sees:
    """What the next rounds see, in order."""

    def __init__(self, *rounds: Sequence[Sighting]) -> None:
        self.rounds = list(rounds)
        self.known: tuple[Incident, ...] = ()

    def __call__(self, open_now: tuple[Incident, ...], recent: tuple[Incident, ...]) -> Sequence[Sighting]:
        del open_now
        self.known = recent
        return self.rounds.pop(0) if self.rounds else ()


def patrol(fleet: FleetInMemory, sees: Sees) -> PatrolRound:
    github = fleet.repository.account(FLEET)
    return PatrolRound(sees, fleet.desk("scout"), fleet.scout, Archive(github, fleet.keyring), HOUR)


def numbers(fleet: FleetInMemory) -> list[int]:
    return [t.number for t in fleet.repository.account(FLEET).incidents(state="all")]


def test_the_same_sighting_twice_opens_one_issue(fleet: FleetInMemory) -> None:
    fact = detected(fleet)
    go = patrol(fleet, Sees([Open(fact)], [Open(fact)], [Open(fact)]))
    for _ in range(3):
        go()
    assert numbers(fleet) == [1]


def test_a_round_is_informed_once_github_has_answered(fleet: FleetInMemory) -> None:
    go = patrol(fleet, Sees())
    fleet.repository.down()
    go()
    assert not go.informed
    fleet.repository.down(None)
    go()
    assert go.informed


def test_an_open_incident_is_known_however_long_nothing_was_said_about_it(fleet: FleetInMemory) -> None:
    fact = detected(fleet)
    patrol(fleet, Sees([Open(fact)]))()
    fleet.clock.advance(2 * HOUR.total_seconds())
    sees = Sees([Open(fact)])
    patrol(fleet, sees)()
    assert numbers(fleet) == [1]
    assert [incident.number for incident in sees.known] == [1]


def test_nothing_is_opened_while_github_could_not_be_read_and_nothing_is_forgotten(fleet: FleetInMemory) -> None:
    fleet.repository.down()
    go = patrol(fleet, Sees([Open(detected(fleet))]))
    go()
    fleet.repository.down(None)
    fleet.clock.advance(3)
    go()
    assert numbers(fleet) == [1]


def test_an_opening_that_failed_is_tried_again(fleet: FleetInMemory) -> None:
    go = patrol(fleet, Sees([Open(detected(fleet))]))
    fleet.repository.fail_next("refused")
    go()
    assert numbers(fleet) == []
    fleet.clock.advance(3)
    go()
    assert numbers(fleet) == [1]


def test_an_opening_whose_answer_was_lost_is_not_done_twice(fleet: FleetInMemory) -> None:
    go = patrol(fleet, Sees([Open(detected(fleet))]))
    fleet.repository.fail_next("answer-lost")
    go()
    fleet.clock.advance(6)
    go()
    assert numbers(fleet) == [1]


def test_a_fault_that_comes_back_reopens_its_issue_and_the_loop_goes_on(fleet: FleetInMemory) -> None:
    fleet.engine.kill("policy-service", oom=True)
    number = fleet.open(detected(fleet))
    fleet.turn(number)
    verified(fleet, number)
    fleet.turn(number)
    assert fleet.incident(number).closed
    fleet.clock.advance(60)
    fleet.engine.kill("policy-service", oom=True)
    again = detected(fleet).model_copy(update={"recurrence": 1})
    patrol(fleet, Sees([Reopen(number, again)]))()
    fleet.turn(number)
    incident = fleet.incident(number)
    assert (incident.closed, len(incident.all(Detected)), len(fleet.engine.restarts)) == (False, 2, 2)
