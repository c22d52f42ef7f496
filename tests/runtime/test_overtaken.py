"""A pull request of the fleet that nobody waits for any more is closed, once, unless a person made it theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.gitops.stack import STACK
from shared.incident.facts import Merged, Stuck
from shared.incident.status import Status
from shared.testing.source import MemoryForge
from tests.fixer.pull_world import GOOD
from tests.fixer.world import SimulatedCrash, crash_at
from tests.runtime.fleet import FleetInMemory
from tests.runtime.test_changes import MIB, dropped, forge, run
from tests.runtime.test_golden_incident import SERVICE, oom, verified


@pytest.fixture
def fleet(tmp_path: Path) -> FleetInMemory:
    made = FleetInMemory(tmp_path, files={STACK: GOOD, "README.md": b"# market\n"})
    for name in ("frontend", "quote-service", "user-service", SERVICE):
        made.engine.add(name, memory_limit=192 * MIB)
    made.clock.advance(900)
    return made


@pytest.fixture
def waiting(fleet: FleetInMemory) -> int:
    """An incident whose pull request waits for a person."""
    fleet.prover.verdict = "unverified"
    number, _ = dropped(fleet)
    fleet.turn(number)
    assert fleet.incident(number).status is Status.NEEDS_APPROVAL
    return number


def says(fleet: FleetInMemory, number: int, text: str) -> None:
    """A person with write permission says this, and Guardrail hears it."""
    fleet.clock.advance(1)
    fleet.repository.account("olivia").comment(number, text)
    fleet.turn(number, ("guardrail",))


def fixer(fleet: FleetInMemory, number: int, times: int = 3) -> None:
    """A new Fixer each time."""
    for _ in range(times):
        fleet.worker("fixer").step(number)
        fleet.clock.advance(6)


def closings(fleet: FleetInMemory) -> int:
    return [w.what for w in forge(fleet).writes].count("close")


def open_pulls(world: MemoryForge) -> list[int]:
    return [p.number for p in world.pulls if p.open]


def test_what_a_person_denied_is_closed_once_whoever_looks(fleet: FleetInMemory, waiting: int) -> None:
    fixer(fleet, waiting)
    assert open_pulls(forge(fleet)) == [1001], "it waits"
    says(fleet, waiting, "/deny")
    fixer(fleet, waiting)
    assert (open_pulls(forge(fleet)), closings(fleet)) == ([], 1)
    assert fleet.incident(waiting).status is Status.NEEDS_HUMAN
    assert fleet.incident(waiting).entries[-1].fact.move == "commanded:deny", "nothing is said of it"


def test_what_went_away_by_itself_has_its_pull_request_closed_also_after_the_incident_is(
    fleet: FleetInMemory, waiting: int
) -> None:
    verified(fleet, waiting, "recovered")
    fleet.turn(waiting, ("memory",))
    assert fleet.incident(waiting).closed
    fixer(fleet, waiting)
    assert (open_pulls(forge(fleet)), closings(fleet)) == ([], 1)


def test_a_retry_closes_the_one_before_and_leaves_the_new_one_open(fleet: FleetInMemory, waiting: int) -> None:
    assert fleet.scribe("brain").say(fleet.incident(waiting), Stuck(reason="test", todo="look"))
    fixer(fleet, waiting)
    assert open_pulls(forge(fleet)) == [1001], "a person was asked to look at it"
    says(fleet, waiting, "/retry")
    for _ in range(4):
        fleet.turn(waiting)
        fleet.clock.advance(6)
    assert fleet.incident(waiting).status is Status.NEEDS_APPROVAL
    assert (open_pulls(forge(fleet)), closings(fleet)) == ([1002], 1)


def test_an_issue_that_a_person_closed_is_over_too(fleet: FleetInMemory, waiting: int) -> None:
    fleet.repository.account("olivia").close(waiting)
    fixer(fleet, waiting)
    assert (open_pulls(forge(fleet)), closings(fleet)) == ([], 1)


def test_a_merge_by_a_person_that_closed_the_issue_is_noted_and_seen_through(
    fleet: FleetInMemory, waiting: int
) -> None:
    forge(fleet).merge_as("olivia", 1001)
    fleet.repository.account("olivia").close(waiting)  # as "Fixes #N" does
    incident = run(fleet, waiting)
    assert [m.by for m in incident.all(Merged)] == ["olivia"]
    assert incident.status is Status.VERIFYING
    assert closings(fleet) == 0


def test_one_that_a_person_pushed_to_is_left_open(fleet: FleetInMemory, waiting: int) -> None:
    forge(fleet).push({"README.md": b"# shop\n"}, "And this", branch=forge(fleet).pulls[0].branch)
    says(fleet, waiting, "/deny")
    fixer(fleet, waiting)
    assert (open_pulls(forge(fleet)), closings(fleet)) == ([1001], 0)


def test_one_that_a_person_opened_again_is_theirs(fleet: FleetInMemory, waiting: int) -> None:
    says(fleet, waiting, "/deny")
    fixer(fleet, waiting)
    forge(fleet).reopen_as(1001)
    fixer(fleet, waiting)
    assert (open_pulls(forge(fleet)), closings(fleet)) == ([1001], 1)


def test_one_that_is_not_proved_stays_open_for_review_where_a_restart_was_quicker(fleet: FleetInMemory) -> None:
    fleet.prover.verdict = "unverified"
    number = oom(fleet)
    run(fleet, number)
    verified(fleet, number)
    fleet.turn(number)
    fleet.clock.advance(60)
    fleet.engine.kill(SERVICE, oom=True)
    fleet.repository.account("olivia").reopen(number)
    assert fleet.scout.say(fleet.incident(number), fleet.incident(number).detected)
    run(fleet, number, 12)
    assert "refused" in [e.fact.move for e in fleet.incident(number).entries]
    verified(fleet, number)
    fleet.turn(number)
    fixer(fleet, number)
    assert (open_pulls(forge(fleet)), closings(fleet)) == ([1001], 0)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fixer_killed_at_the_closing_leaves_it_closed_once_to_the_next(
    fleet: FleetInMemory, waiting: int, when: str
) -> None:
    says(fleet, waiting, "/deny")
    forge(fleet).step = crash_at(f"{when}-close")
    with pytest.raises(SimulatedCrash):
        fixer(fleet, waiting)
    forge(fleet).step = lambda _: None
    fixer(fleet, waiting)
    assert (open_pulls(forge(fleet)), closings(fleet)) == ([], 1)


def test_a_freeze_or_a_hold_keeps_it_open(fleet: FleetInMemory, waiting: int) -> None:
    olivia = fleet.repository.account("olivia")
    says(fleet, waiting, "/deny")
    switch = olivia.open_issue("stop", "now", ("sre:freeze",))
    fixer(fleet, waiting)
    olivia.close(switch.number)
    olivia.add_label(waiting, "sre:hold")
    fixer(fleet, waiting)
    assert closings(fleet) == 0
    olivia.remove_label(waiting, "sre:hold")
    fixer(fleet, waiting)
    assert (open_pulls(forge(fleet)), closings(fleet)) == ([], 1)
