"""One incident from detection to its end, in virtual time, by the real judgements over the real log."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from agents.memory.judge import PATIENCE
from shared.incident.evidence import sha256_of
from shared.incident.facts import Commanded, Detected, Diagnosed, Escalated, Stuck, Verified
from shared.incident.record import Role
from shared.incident.status import Status
from shared.knowledge import Wanted
from shared.stream import WAKEUPS
from shared.testing.samples import FLEET, evidence
from tests.runtime.fleet import ORDER, FleetInMemory

SERVICE = "policy-service"


@pytest.fixture
def fleet(tmp_path: Path) -> FleetInMemory:
    made = FleetInMemory(tmp_path)
    for name in ("frontend", "quote-service", "user-service", SERVICE):
        made.engine.add(name)
    return made


def detected(fleet: FleetInMemory, symptom: str = "oom") -> Detected:
    return Detected.model_validate(
        {
            "service": SERVICE,
            "symptom": symptom,
            "fingerprint": sha256_of([SERVICE, symptom]),
            "severity": "critical",
            "summary": "killed at its memory limit; token=s3cr3t-token",
            "since": fleet.clock.now(),
            "evidence": (evidence(),),
        }
    )


def oom(fleet: FleetInMemory) -> int:
    fleet.engine.kill(SERVICE, oom=True)
    return fleet.open(detected(fleet))


def verified(fleet: FleetInMemory, number: int, outcome: str = "healthy") -> None:
    fact = Verified.model_validate({"outcome": outcome, "detail": "probed", "held_s": 3.0, "measures": ()})
    assert fleet.scout.say(fleet.incident(number), fact)


def test_an_oom_is_healed_with_one_restart_and_closed(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number)
    assert fleet.incident(number).status is Status.VERIFYING
    verified(fleet, number)
    fleet.turn(number)
    incident = fleet.incident(number)
    assert (incident.status, incident.closed, incident.rejected, incident.gaps) == (Status.CLOSED, True, (), ())
    assert [name for name, _ in fleet.engine.restarts] == [SERVICE]
    assert "Learning: Indexed" not in incident.labels, "it is not in the index yet"
    assert not [label for label in incident.labels if label.startswith("Status: ")]
    fleet.librarian.round()
    assert "Learning: Indexed" in fleet.incident(number).labels
    (found,) = fleet.library.recall(Wanted("killed at its memory limit", fleet.clock.now(), service=SERVICE))
    assert (found.document.issue, found.document.ending) == (number, "worked")


def test_seven_facts_six_comments_and_four_writes_before_the_restart(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number)
    facts = [w for w in fleet.repository.writes if w.what in ("open_issue", "comment")]
    assert len(facts) == 5, "detected, diagnosed, ruled, began | applied"
    verified(fleet, number)
    fleet.turn(number)
    written = [w for w in fleet.repository.writes if w.what in ("open_issue", "comment")]
    assert (len(written), len(fleet.incident(number).entries)) == (7, 7)
    assert len(fleet.repository.writes) <= 30


def test_every_worker_may_be_new_at_every_step_and_nothing_changes(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    for _ in range(4):
        for role in ORDER:
            fleet.steppers[role] = fleet.worker(role)
            fleet.steppers[role].step(number)
    verified(fleet, number)
    for role in ORDER:
        fleet.worker(role).step(number)
    assert fleet.incident(number).closed
    assert len(fleet.engine.restarts) == 1


def test_an_answer_that_is_lost_leads_to_nothing_twice(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    roles: tuple[Role, ...] = ("brain", "guardrail", "fixer", "fixer")
    for role in roles:
        fleet.repository.fail_next("answer-lost")
        assert fleet.steppers[role].step(number).seconds == 5.0
        fleet.clock.advance(5)
    verified(fleet, number)
    fleet.turn(number)
    moves = [e.fact.move for e in fleet.incident(number).entries]
    assert moves == ["detected", "diagnosed", "ruled:allow", "began", "applied", "verified:healthy", "learned"]
    assert len(fleet.engine.restarts) == 1


def test_a_freeze_stops_the_action_and_its_end_lets_it_go_on(fleet: FleetInMemory) -> None:
    olivia = fleet.repository.account("olivia")
    switch = olivia.open_issue("stop", "now", ("sre:freeze",))
    number = oom(fleet)
    for _ in range(5):
        fleet.turn(number)
        fleet.clock.advance(6)
    assert fleet.incident(number).status is Status.DIAGNOSED
    assert fleet.engine.restarts == []
    olivia.close(switch.number)
    fleet.turn(number)
    assert len(fleet.engine.restarts) == 1


def test_an_unreadable_switch_counts_as_frozen(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number, ("brain",))
    assert not fleet.incident(number).frozen, "the test's own reading"
    fleet.repository.down()
    fleet.turn(number, ("guardrail", "fixer"))
    fleet.repository.down(None)
    assert fleet.engine.restarts == []


def test_a_world_that_moved_on_is_diagnosed_again_and_not_restarted_blindly(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number, ("brain", "guardrail"))
    fleet.engine.add(SERVICE)  # somebody recreated it meanwhile
    fleet.turn(number, ("fixer",))
    incident = fleet.incident(number)
    assert incident.status is Status.DETECTED
    assert [e.fact.move for e in incident.entries][-1] == "refused"
    assert fleet.engine.restarts == []


def test_a_persons_hold_wins_over_a_ruling_that_is_not_yet_used(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number, ("brain", "guardrail"))
    fleet.repository.account("olivia").comment(number, "/hold")
    fleet.turn(number, ("guardrail", "fixer"))
    assert fleet.engine.restarts == []
    fleet.repository.account("olivia").comment(number, "/unhold")
    fleet.turn(number, ("guardrail", "fixer"))
    assert len(fleet.engine.restarts) == 1


def test_a_strangers_command_is_answered_once_and_does_nothing(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.repository.account("mallory").comment(number, "/hold")
    for _ in range(3):
        fleet.worker("guardrail").step(number)
    incident = fleet.incident(number)
    said = [c for c in fleet.repository.account(FLEET).thread(number).comments if "sre-space:answer" in c.body]
    assert len(said) == 1
    assert "needs write permission" in said[0].body
    assert not incident.held


def test_the_third_recurrence_is_handed_on_and_not_restarted(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    for n in range(3):
        fleet.turn(number)
        verified(fleet, number)
        fleet.turn(number)
        fleet.clock.advance(60)
        fleet.engine.kill(SERVICE, oom=True)
        fleet.repository.account(FLEET).reopen(number)
        again = detected(fleet).model_copy(update={"recurrence": n + 1})
        assert fleet.scout.say(fleet.incident(number), again)
    fleet.turn(number)
    incident = fleet.incident(number)
    assert incident.status is Status.ESCALATED
    assert "jules-fix" in incident.labels
    assert len(fleet.engine.restarts) == 3
    assert "4 firings" in incident.all(Escalated)[-1].reason


def test_an_issue_that_is_reopened_right_after_its_end_stays_open_for_what_is_about_to_be_written(
    fleet: FleetInMemory,
) -> None:
    """Who says /undo or a new firing opens the issue first and then writes the fact."""
    number = oom(fleet)
    fleet.turn(number)
    verified(fleet, number)
    fleet.turn(number)
    assert fleet.incident(number).closed
    fleet.repository.account(FLEET).reopen(number)
    fleet.turn(number, ("memory",))
    assert not fleet.incident(number).closed
    fleet.clock.advance(PATIENCE.total_seconds() + 1)
    fleet.turn(number, ("memory",))
    assert fleet.incident(number).closed, "nothing came"


def test_an_ineffective_restart_is_diagnosed_again(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number)
    fleet.engine.kill(SERVICE, oom=True)
    verified(fleet, number, "unhealthy")
    fleet.clock.advance(10)
    fleet.turn(number)
    assert [d.attempt for d in fleet.incident(number).all(Diagnosed)] == [1, 2]
    assert len(fleet.engine.restarts) == 2


def test_jules_fix_by_a_person_escalates_and_by_a_stranger_does_not(fleet: FleetInMemory) -> None:
    fleet.repository.roles["mallory"] = "triage"
    first, second = oom(fleet), fleet.open(detected(fleet, "errors"))
    fleet.clock.advance(2)
    fleet.repository.account("olivia").add_label(first, "jules-fix")
    fleet.repository.account("mallory").add_label(second, "jules-fix")
    fleet.turn(first, ("escalation",))
    fleet.turn(second, ("escalation",))
    assert fleet.incident(first).status is Status.ESCALATED
    assert fleet.incident(second).status is Status.DETECTED


def test_retry_by_a_person_starts_over(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    stuck = Stuck(reason="test", todo="retry")
    assert fleet.scribe("brain").say(fleet.incident(number), stuck)
    fleet.repository.account("olivia").comment(number, "/retry")
    fleet.turn(number)
    fleet.turn(number)
    assert fleet.incident(number).all(Commanded)[0].login == "olivia"
    assert len(fleet.engine.restarts) == 1


def test_no_secret_leaves_in_a_fact(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    assert "s3cr3t-token" not in fleet.repository.account(FLEET).thread(number).body


def test_each_fact_wakes_the_fleet_with_its_name_and_nothing_else(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number)
    woken = [event.data for topic, _, event in fleet.heard.events if topic == WAKEUPS]
    assert [w["why"] for w in woken] == ["detected", "diagnosed", "ruled:allow", "began", "applied"]
    assert all(set(w) == {"issue", "why"} for w in woken)


def test_a_person_who_closes_the_issue_ends_the_fleets_business_with_it(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number, ("brain", "guardrail"))
    fleet.repository.account("olivia").close(number)
    fleet.clock.advance(timedelta(minutes=1).total_seconds())
    fleet.turn(number)
    assert fleet.engine.restarts == []


def test_a_card_that_says_the_same_is_not_written_again(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number)
    edits = [w for w in fleet.repository.writes if w.what == "edit_body"]
    assert edits, "the card is there"
    for _ in range(5):
        fleet.clock.advance(60)
        for role in ORDER:
            fleet.scribe(role).project(number)
        fleet.turn(number)
    assert [w for w in fleet.repository.writes if w.what == "edit_body"] == edits
