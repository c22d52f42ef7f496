"""Incidents that are healed by a change of the repository, by the real judgements over the real log."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.gitops.stack import STACK
from shared.incident.change import RevertCommit, SetMemory
from shared.incident.facts import Diagnosed, Merged, Undone, Verified
from shared.incident.record import Role
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.proof import Verdict
from shared.source import DEPLOY
from shared.testing.source import MemoryForge
from tests.fixer.pull_world import BAD, GOOD
from tests.policy_file import shipped_policy
from tests.runtime.fleet import ORDER, FleetInMemory
from tests.runtime.test_golden_incident import SERVICE, detected, oom, verified

MIB = 1024 * 1024


@pytest.fixture
def fleet(tmp_path: Path) -> FleetInMemory:
    made = FleetInMemory(tmp_path, files={STACK: GOOD, "README.md": b"# market\n"})
    for name in ("frontend", "quote-service", "user-service", SERVICE):
        made.engine.add(name, memory_limit=192 * MIB)
    made.clock.advance(900)
    return made


def forge(fleet: FleetInMemory) -> MemoryForge:
    assert fleet.forge is not None
    return fleet.forge


def stack_of(fleet: FleetInMemory) -> bytes:
    return forge(fleet).tree(forge(fleet).branches["main"])[STACK].data


def deployed(fleet: FleetInMemory) -> None:
    """The deployer has the default branch running."""
    head = forge(fleet).branches["main"]
    if not any(s.context == DEPLOY for s in forge(fleet).statuses(head)):
        forge(fleet).say_status(head, DEPLOY, "success", "policy-service healthy after 1.0 s")


def run(fleet: FleetInMemory, number: int, turns: int = 8, roles: tuple[Role, ...] = ORDER) -> Incident:
    """Let the fleet and the deployer work until only Scout, a person or nobody is next."""
    for _ in range(turns):
        fleet.turn(number, roles)
        if fleet.incident(number).status in (Status.VERIFYING, Status.NEEDS_HUMAN, Status.CLOSED, Status.ESCALATED):
            break
        deployed(fleet)
        fleet.clock.advance(6)
    return fleet.incident(number)


def dropped(fleet: FleetInMemory) -> tuple[int, str]:
    """A developer's commit, and the fall of the purchases three seconds after it."""
    bad = forge(fleet).push({STACK: BAD}, "Insure less")
    fleet.clock.advance(3)
    return fleet.open(detected(fleet, "conversion")), bad


def blamed(incident: Incident) -> list[str]:
    return [
        d.directive.change.commit[:6] for d in incident.all(Diagnosed) if isinstance(d.directive.change, RevertCommit)
    ]


def test_a_conversion_drop_is_healed_by_reverting_its_commit_and_closed(fleet: FleetInMemory) -> None:
    number, bad = dropped(fleet)
    incident = run(fleet, number)
    assert (incident.status, blamed(incident)) == (Status.VERIFYING, [bad[:6]])
    assert stack_of(fleet) == GOOD
    verified(fleet, number)
    fleet.turn(number)
    moves = [e.fact.move for e in fleet.incident(number).entries]
    assert moves == [
        "detected", "diagnosed", "ruled:allow", "began", "proposed", "proved:policy", "merged", "deployed:running",
        "verified:healthy", "learned",
    ]  # fmt: skip
    assert fleet.incident(number).closed
    assert (fleet.incident(number).rejected, fleet.engine.restarts) == ((), [])
    assert (len(forge(fleet).pulls), forge(fleet).merges()) == (1, 1)


def test_every_worker_may_be_new_at_every_step_of_a_change(fleet: FleetInMemory) -> None:
    number, _ = dropped(fleet)
    for _ in range(8):
        for role in ORDER:
            fleet.worker(role).step(number)
        deployed(fleet)
        fleet.clock.advance(6)
    assert fleet.incident(number).status is Status.VERIFYING
    assert (len(forge(fleet).pulls), forge(fleet).merges()) == (1, 1)


def test_the_wrong_commit_is_cleared_by_its_proof_and_the_other_one_is_reverted(fleet: FleetInMemory) -> None:
    guilty = forge(fleet).push({STACK: BAD}, "Insure less")
    fleet.clock.advance(1)
    herring = forge(fleet).push({STACK: BAD.replace(b"mem_limit: 192m", b"mem_limit: 224m", 1)}, "More memory")
    fleet.clock.advance(2)

    def verdict(base: str, head: str) -> Verdict:
        del base
        return "proved" if b'"1.8"' in forge(fleet).tree(head)[STACK].data else "refuted"

    fleet.prover.verdict = verdict
    number = fleet.open(detected(fleet, "conversion"))
    incident = run(fleet, number, 12)
    assert (incident.status, blamed(incident)) == (Status.VERIFYING, [herring[:6], guilty[:6]])
    assert [(p.merged, p.open) for p in forge(fleet).pulls] == [(False, False), (True, False)]
    assert b'"1.8"' in stack_of(fleet)
    assert b"224m" in stack_of(fleet), "what is not guilty stays"


def test_a_change_that_does_not_help_is_taken_back_and_the_next_rung_is_taken(fleet: FleetInMemory) -> None:
    number, _ = dropped(fleet)
    run(fleet, number)
    verified(fleet, number, "ineffective")
    assert fleet.incident(number).status is Status.UNDOING
    incident = run(fleet, number, 12)
    assert [u.why for u in incident.all(Undone)] == ["ineffective"]
    assert stack_of(fleet) == BAD
    assert "escalated" in [e.fact.move for e in incident.entries]
    assert len(blamed(incident)) == 1


def test_a_deploy_that_fails_is_taken_back(fleet: FleetInMemory) -> None:
    number, _ = dropped(fleet)
    fleet.turn(number)
    forge(fleet).say_status(forge(fleet).branches["main"], DEPLOY, "failure", "policy-service ended")
    incident = run(fleet, number, 12)
    assert "deployed:failed" in [e.fact.move for e in incident.entries]
    assert stack_of(fleet) == BAD


def test_a_freeze_during_the_proof_stops_the_merge(fleet: FleetInMemory) -> None:
    olivia = fleet.repository.account("olivia")

    def verdict(base: str, head: str) -> Verdict:
        del base, head
        olivia.open_issue("stop", "now", ("sre:freeze",))
        return "proved"

    fleet.prover.verdict = verdict
    number, _ = dropped(fleet)
    fleet.turn(number)
    assert fleet.incident(number).entries[-1].fact.move == "proved:policy"
    assert forge(fleet).merges() == 0


def test_a_hold_during_the_proof_stops_the_merge_until_it_is_lifted(fleet: FleetInMemory) -> None:
    olivia = fleet.repository.account("olivia")
    number, _ = dropped(fleet)

    def verdict(base: str, head: str) -> Verdict:
        del base, head
        olivia.add_label(number, "sre:hold")
        return "proved"

    fleet.prover.verdict = verdict
    fleet.turn(number)
    assert forge(fleet).merges() == 0
    olivia.remove_label(number, "sre:hold")
    assert run(fleet, number).status is Status.VERIFYING


def test_a_persons_undo_of_a_closed_incident_opens_it_again_and_takes_the_change_back(fleet: FleetInMemory) -> None:
    number, _ = dropped(fleet)
    run(fleet, number)
    verified(fleet, number)
    fleet.turn(number)
    assert fleet.incident(number).closed
    fleet.clock.advance(60)
    fleet.repository.account("mallory").comment(number, "/undo")
    fleet.turn(number, ("guardrail",))
    assert fleet.incident(number).closed, "a stranger opens nothing"
    fleet.repository.account("olivia").comment(number, "/undo")
    fleet.turn(number, ("guardrail",))
    assert (fleet.incident(number).closed, fleet.incident(number).status) == (False, Status.UNDOING)
    for _ in range(3):
        fleet.turn(number, ("fixer", "memory"))
        deployed(fleet)
        fleet.clock.advance(6)
    incident = fleet.incident(number)
    assert (incident.status, incident.closed, incident.rejected) == (Status.NEEDS_HUMAN, False, ())
    assert "Status: Needs-Human" in incident.labels
    assert "incident" in incident.labels
    assert [u.why for u in incident.all(Undone)] == ["commanded"]
    assert stack_of(fleet) == BAD


def test_a_pull_request_that_waits_is_merged_by_a_person_on_github(fleet: FleetInMemory) -> None:
    fleet.prover.verdict = "unverified"
    number, _ = dropped(fleet)
    fleet.turn(number)
    assert fleet.incident(number).status is Status.NEEDS_APPROVAL
    forge(fleet).merge_as("olivia", forge(fleet).pulls[0].number)
    incident = run(fleet, number)
    assert [m.by for m in incident.all(Merged)] == ["olivia"]
    assert incident.status is Status.VERIFYING


def test_a_pull_request_that_waits_is_merged_on_a_persons_approval(fleet: FleetInMemory) -> None:
    fleet.prover.verdict = "unverified"
    number, _ = dropped(fleet)
    fleet.turn(number)
    fleet.repository.account("olivia").comment(number, "/approve")
    incident = run(fleet, number)
    assert (incident.status, forge(fleet).merges()) == (Status.VERIFYING, 1)


def test_an_unsound_change_is_refused_once_and_handed_on(fleet: FleetInMemory) -> None:
    world = forge(fleet)
    world.push({STACK: BAD, "protected_services/policy_service/app.py": b"x = 1\n"}, "Insure less")
    fleet.clock.advance(1)
    link = "protected_services/policy_service/run.sh"
    world.push({link: b"#!/bin/sh\n"}, "Add a script")
    world.push({link: None}, "Take it out again")
    fleet.clock.advance(2)
    number = fleet.open(detected(fleet, "conversion"))
    incident = run(fleet, number, 16)
    moves = [e.fact.move for e in incident.entries]
    assert moves.count("refused") <= 2
    assert "escalated" in moves


def test_the_second_oom_within_the_hour_raises_the_limit(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    run(fleet, number)
    verified(fleet, number)
    fleet.turn(number)
    assert fleet.incident(number).closed
    fleet.clock.advance(60)
    fleet.engine.kill(SERVICE, oom=True)
    fleet.repository.account("olivia").reopen(number)
    again = detected(fleet)
    assert fleet.scout.say(fleet.incident(number), again)
    incident = run(fleet, number)
    assert incident.status is Status.VERIFYING
    last = incident.last(Diagnosed)
    assert last is not None
    assert last.directive.change == SetMemory(service=SERVICE, before=192, after=288)
    assert stack_of(fleet) == GOOD.replace(b"mem_limit: 192m", b"mem_limit: 288m", 1)
    assert len(fleet.engine.restarts) == 1


def test_no_word_of_scout_takes_back_a_restart(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    run(fleet, number)
    fact = Verified(outcome="ineffective", detail="d", held_s=0.0, measures=())
    assert fleet.scout.say(fleet.incident(number), fact) is None


def test_where_a_person_merges_the_second_oom_is_restarted_and_the_proved_raise_stays_open(tmp_path: Path) -> None:
    rules = shipped_policy().proposing()
    fleet = FleetInMemory(tmp_path, policy=rules, files={STACK: GOOD})
    for name in ("frontend", "quote-service", "user-service", SERVICE):
        fleet.engine.add(name, memory_limit=192 * MIB)
    fleet.clock.advance(900)
    number = oom(fleet)
    run(fleet, number)
    verified(fleet, number)
    fleet.turn(number)
    fleet.clock.advance(60)
    fleet.engine.kill(SERVICE, oom=True)
    fleet.repository.account("olivia").reopen(number)
    assert fleet.scout.say(fleet.incident(number), detected(fleet))
    incident = run(fleet, number)
    assert incident.status is Status.VERIFYING
    assert [d.directive.verb for d in incident.all(Diagnosed)] == ["restart", "set-memory", "restart"]
    assert len(fleet.engine.restarts) == 2
    fleet.turn(number)
    assert [p.open for p in forge(fleet).pulls] == [True]
