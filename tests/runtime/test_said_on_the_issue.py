"""What people say on an issue besides approving: silences, questions, slips. The whole way, by the real judgements."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared.incident.facts import Commanded
from shared.incident.fitting import fits
from shared.incident.status import Status
from shared.ports import Transient
from shared.testing.samples import FLEET
from tests.policy_file import shipped_policy
from tests.runtime.fleet import FleetInMemory
from tests.runtime.test_golden_incident import SERVICE, oom, verified


@pytest.fixture
def fleet(tmp_path: Path) -> FleetInMemory:
    made = FleetInMemory(tmp_path, roles={"trina": "triage"})
    for name in ("frontend", "quote-service", "user-service", SERVICE):
        made.engine.add(name)
    return made


def say(fleet: FleetInMemory, number: int, login: str, text: str) -> int:
    return fleet.repository.account(login).comment(number, text).id


def answers(fleet: FleetInMemory, number: int) -> list[str]:
    """What the fleet answered in words, oldest first."""
    comments = fleet.repository.account(FLEET).thread(number).comments
    return [c.body.partition("\n")[2] for c in comments if c.body.startswith("<!-- sre-space:answer")]


def test_a_silence_holds_back_the_restart_and_its_end_lets_it_through(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    say(fleet, number, "olivia", "/silence 10m")
    fleet.turn(number)
    fleet.turn(number)
    incident = fleet.incident(number)
    assert (incident.status, fleet.engine.restarts) == (Status.DIAGNOSED, []), "it is watched, and not acted on"
    again = fleet.turn(number, ("guardrail",))["guardrail"]
    assert "not-silenced" in again.told
    assert "olivia" in again.told
    fleet.clock.advance(601)
    fleet.turn(number)
    assert len(fleet.engine.restarts) == 1
    ruled = fleet.incident(number).ruling
    assert ruled is not None
    assert next(p.detail for p in ruled.predicates if p.name == "not-silenced") == "no silence"


def test_a_silence_is_of_the_service_and_off_ends_it_from_any_of_its_incidents(fleet: FleetInMemory) -> None:
    first = oom(fleet)
    say(fleet, first, "olivia", "/silence 20h")
    fleet.turn(first, ("guardrail",))
    fleet.clock.advance(3 * 3600)
    second = oom(fleet)
    fleet.turn(second)
    assert fleet.incident(second).status is Status.DIAGNOSED
    assert fleet.engine.restarts == [], "hours later, on another issue"
    say(fleet, second, "olivia", "/unsilence")
    fleet.turn(second)
    fleet.turn(second)
    assert len(fleet.engine.restarts) == 1


def test_a_silence_stops_what_was_allowed_and_had_not_begun(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number, ("brain", "guardrail"))
    assert fleet.incident(number).status is Status.APPROVED
    say(fleet, number, "olivia", "/silence 1h")
    fleet.turn(number, ("guardrail",))
    again = fleet.turn(number, ("fixer",))["fixer"]
    assert "not-silenced" in again.told
    assert fleet.engine.restarts == []


@pytest.mark.parametrize("text", ["/silence", "/silence forever", "/silence 25h", "/silence 0s", "/silence 2"])
def test_a_silence_without_a_sound_length_is_refused_in_words(fleet: FleetInMemory, text: str) -> None:
    number = oom(fleet)
    say(fleet, number, "olivia", text)
    fleet.turn(number, ("guardrail",))
    assert fleet.incident(number).all(Commanded) == ()
    assert "Refused" in answers(fleet, number)[0]


def test_who_may_not_write_silences_nothing(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    say(fleet, number, "mallory", "/silence 1h")
    fleet.turn(number)
    fleet.turn(number)
    assert len(fleet.engine.restarts) == 1
    assert fleet.incident(number).all(Commanded) == ()


def test_a_silence_on_a_closed_incident_counts_and_does_not_open_it_again(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.repository.account(FLEET).close(number)
    say(fleet, number, "olivia", "/silence 1h")
    fleet.turn(number, ("guardrail",))
    assert [c.command for c in fleet.incident(number).all(Commanded)] == ["silence"]
    assert fleet.repository.account(FLEET).thread(number).closed


def test_a_slip_of_somebody_of_the_repository_gets_the_nearest_command_once(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    say(fleet, number, "trina", "/aprove")
    for _ in range(3):
        fleet.turn(number, ("guardrail",))
    (answer,) = answers(fleet, number)
    assert "Did you mean `/approve`" in answer


@pytest.mark.parametrize("text", ["/etc/passwd is gone", "/api/v1 answers", "/home is full", "see `/aprove`", "/dev"])
def test_a_path_in_a_sentence_is_nobodys_business(fleet: FleetInMemory, text: str) -> None:
    number = oom(fleet)
    say(fleet, number, "olivia", text)
    fleet.turn(number, ("guardrail",))
    assert answers(fleet, number) == []


def test_strangers_cannot_make_the_fleet_talk(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    say(fleet, number, "mallory", "/aprove")
    for _ in range(9):
        say(fleet, number, "mallory", "/help")
        fleet.turn(number, ("guardrail",))
        fleet.turn(number, ("memory",))
        say(fleet, number, "mallory", "/similar")
    assert len(answers(fleet, number)) == 5, "reading is allowed to all, and has an end"
    assert not any("Did you mean" in said for said in answers(fleet, number))
    say(fleet, number, "trina", "/help")
    fleet.turn(number, ("guardrail",))
    assert len(answers(fleet, number)) == 6, "somebody of the repository is still heard"


def test_a_slip_of_long_ago_is_left_as_it_is(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    say(fleet, number, "olivia", "/aprove")
    fleet.clock.advance(timedelta(minutes=11).total_seconds())
    fleet.turn(number, ("guardrail",))
    assert answers(fleet, number) == []


def test_help_says_who_may_use_what_and_what_fits_now(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    say(fleet, number, "mallory", "/help")
    fleet.turn(number, ("guardrail",))
    (answer,) = answers(fleet, number)
    assert "| **now** | `/silence 2h` | write |" in answer
    assert "| – | `/approve` | write |" in answer
    assert "| **now** | `/explain` | read |" in answer


def test_explain_links_each_fact_to_where_it_stands(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number, ("brain", "guardrail"))
    say(fleet, number, "mallory", "/explain")
    fleet.turn(number, ("guardrail",))
    (answer,) = answers(fleet, number)
    incident = fleet.incident(number)
    for entry in incident.entries:
        where = f"#issuecomment-{entry.comment_id}" if entry.comment_id else ""
        assert f"({incident.url}{where})" in answer


def test_the_post_mortem_so_far_is_told_while_it_lasts_and_linked_when_it_stands(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number, ("brain",))
    say(fleet, number, "mallory", "/postmortem")
    fleet.turn(number, ("guardrail",))
    (answer,) = answers(fleet, number)
    assert "Not closed yet" in answer
    assert "Time to recover" not in answer, "what is not known is not a number"


@pytest.mark.parametrize("away", [False, True])
def test_similar_tells_what_the_logs_of_others_say_with_and_without_the_knowledge_base(
    fleet: FleetInMemory, away: bool
) -> None:
    first = oom(fleet)
    fleet.turn(first)
    fleet.turn(first)
    verified(fleet, first)
    fleet.turn(first, ("memory",))
    fleet.librarian.round()
    fleet.library.away = Transient("connection refused") if away else None
    fleet.clock.advance(3600)
    second = oom(fleet)
    say(fleet, second, "mallory", "/similar")
    fleet.turn(second, ("guardrail", "memory"))
    fleet.turn(second, ("guardrail", "memory"))
    (answer,) = answers(fleet, second)
    assert f"issues/{first})" in answer
    assert "restart `policy-service` helped, as verified" in answer
    assert ("the knowledge base does not answer" in answer) is away


def test_what_fits_follows_the_table(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number, ("brain",))
    told = fits(fleet.incident(number))
    assert {"/focus", "/reject", "/hold", "/silence", "/escalate"} <= set(told)
    assert not {"/approve", "/deny", "/retry", "/undo", "/unhold"} & set(told)


@pytest.fixture
def asking(tmp_path: Path) -> FleetInMemory:
    """A fleet whose policy wants a person for every restart."""
    policy = shipped_policy()
    restart = policy.catalogue["restart"].model_copy(update={"approval": True})
    made = FleetInMemory(
        tmp_path, policy=policy.model_copy(update={"catalogue": {**policy.catalogue, "restart": restart}})
    )
    for name in ("frontend", "quote-service", "user-service", SERVICE):
        made.engine.add(name)
    return made


def test_a_ticked_box_is_the_approve_of_who_ticked_it_and_counts_once(asking: FleetInMemory) -> None:
    number = oom(asking)
    asking.turn(number)
    assert asking.incident(number).status is Status.NEEDS_APPROVAL
    asking.tick(number, "olivia")
    asking.turn(number)
    incident = asking.incident(number)
    (said,) = incident.all(Commanded)
    assert (said.command, said.login, said.permission, said.edit, said.comment_id) == (
        "approve",
        "olivia",
        "write",
        "UCE_1",
        0,
    )
    assert incident.directive is not None
    assert said.directive_sha256 == incident.directive.digest
    assert len(asking.engine.restarts) == 1
    asking.turn(number)
    assert len(asking.incident(number).all(Commanded)) == 1
    assert answers(asking, number) == []


@pytest.mark.parametrize("login", ["mallory", "nobody-here", FLEET])
def test_a_tick_of_who_may_not_write_or_is_of_the_fleet_does_nothing(asking: FleetInMemory, login: str) -> None:
    number = oom(asking)
    asking.turn(number)
    asking.tick(number, login)
    asking.turn(number)
    incident = asking.incident(number)
    assert (incident.status, incident.all(Commanded), asking.engine.restarts) == (Status.NEEDS_APPROVAL, (), [])


def test_a_tick_beside_another_directive_or_of_long_ago_does_nothing(asking: FleetInMemory) -> None:
    number = oom(asking)
    asking.turn(number)
    asking.tick(number, "olivia")
    first = asking.ticks.pop()
    asking.ticks = [replace(first, about="0" * 32), replace(first, number=number + 1)]
    asking.turn(number)
    assert asking.incident(number).status is Status.NEEDS_APPROVAL
    asking.ticks = [first]
    asking.clock.advance(16 * 60)
    asking.turn(number)
    assert asking.incident(number).status is Status.NEEDS_APPROVAL


def test_an_approval_against_a_silence_is_refused_in_words_and_a_tick_against_it_waits(asking: FleetInMemory) -> None:
    number = oom(asking)
    asking.turn(number)
    say(asking, number, "olivia", "/silence 10m")
    asking.turn(number, ("guardrail",))
    say(asking, number, "olivia", "/approve")
    asking.tick(number, "olivia")
    asking.turn(number)
    asking.turn(number)
    assert asking.engine.restarts == []
    assert "silenced until" in answers(asking, number)[-1]
