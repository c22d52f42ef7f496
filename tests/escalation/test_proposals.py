"""What a local command made becomes one pull request: whatever is lost, killed, unsound or changed meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from agents.escalation.backends.command import Command
from agents.escalation.hand import Tier3
from agents.escalation.sound import faults
from shared.agent import Delegate
from shared.gitops.diff import FileChange
from shared.gitops.titles import check_body, check_title
from shared.incident.facts import Dispatched, Proposed, Returned
from shared.incident.status import Status
from shared.redaction import Redactor
from shared.testing.samples import FLEET
from shared.testing.source import Fault, MemorySource
from tests.escalation.command_world import CODE, LEAKS, MENDED, CommandWorld
from tests.fixer.schedules import Stage
from tests.fixer.world import SimulatedCrash, crash_at
from tests.waiting import wait_for

POINTS = ["change-made", "branch-made", "pull-open"]
WRITES = ["create-branch", "open-pull", "add-label", "status"]
FAULTS: list[Fault] = ["refused", "answer-lost"]


@pytest.fixture
def world(tmp_path: Path) -> CommandWorld:
    return CommandWorld(tmp_path)


def assert_one_of_each(world: CommandWorld) -> None:
    assert world.asked == ["main"], "the command ran once"
    [pull] = world.forge.pulls
    assert sorted(world.forge.branches) == ["main", pull.branch]
    assert [w.what for w in world.forge.writes].count("open-pull") == 1
    assert world.forge.commit(pull.head_sha).parents == (world.base,)
    assert world.forge.tree(pull.head_sha)[CODE].data == MENDED
    assert [m for m in world.moves if m in ("proposed", "returned", "stuck")] == ["proposed"]
    assert world.incident.rejected == ()


def returned(world: CommandWorld) -> str:
    """Why the command's work was not taken."""
    fact = world.incident.last(Returned)
    assert fact is not None, world.moves
    assert fact.backend == "command"
    assert (sorted(world.forge.branches), world.forge.pulls) == (["main"], ())
    return fact.reason


def test_what_a_command_made_is_proposed_proved_ruled_on_approved_merged_and_deployed(world: CommandWorld) -> None:
    world.until("ruled:needs-approval", ("escalation", "guardrail", "fixer"))
    assert_one_of_each(world)
    pull = world.forge.pulls[0]
    assert (pull.author, pull.branch) == (FLEET, "sre-space/incident-1-command-t1")
    assert {s.context: s.state for s in world.forge.statuses(pull.head_sha)} == {
        "sre-space/sound": "success",
        "sre-space/base-is-red": "success",
        "sre-space/head-is-green": "success",
    }
    world.fleet.repository.account("olivia").comment(world.number, "/approve")
    moves = world.until("deployed:running", ("escalation", "guardrail", "fixer"))
    assert moves == [
        "detected", "escalated", "dispatched", "proposed", "proved:others", "ruled:needs-approval",
        "commanded:approve", "began", "merged", "deployed:running",
    ]  # fmt: skip
    assert world.forge.tree(world.forge.branches["main"])[CODE].data == MENDED


def test_the_pull_request_says_what_it_is_and_who_wrote_it(world: CommandWorld) -> None:
    world.until("proposed")
    pull = world.forge.pulls[0]
    assert pull.title == "Change the code of policy-service against oom, attempt 1"
    assert pull.body.startswith(f"Incident #{world.number}. ")
    assert "a local command that this fleet ran (Tier-3 backend `command`) wrote this change" in pull.body
    assert "A person should review it" in pull.body
    assert f"{CODE} changes" in pull.body
    assert "Fixes" not in pull.body
    assert (check_title(pull.title), check_body(pull.body)) == ((), ())
    assert world.forge.labels[pull.number] == ["sre-auto-fix"]
    proposed = world.incident.last(Proposed)
    assert proposed is not None
    assert (proposed.base_sha, proposed.files, proposed.changes) == (world.base, (CODE,), (f"{CODE} changes",))


@pytest.mark.parametrize("point", POINTS)
def test_escalation_killed_at_any_point_leaves_one_of_each_to_the_next(world: CommandWorld, point: str) -> None:
    world.dispatched()
    with pytest.raises(SimulatedCrash):
        world.turn(reach=crash_at(point))
    world.until("proved:others")
    assert_one_of_each(world)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", WRITES)
def test_escalation_killed_at_any_write_leaves_one_of_each_to_the_next(
    world: CommandWorld, write: str, when: str
) -> None:
    world.dispatched()
    world.forge.step = crash_at(f"{when}-{write}")
    with pytest.raises(SimulatedCrash):
        world.until("proved:others")
    world.forge.step = lambda _: None
    world.until("proved:others")
    assert_one_of_each(world)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("nth", range(6))
def test_a_lost_answer_or_request_leads_to_one_of_each(world: CommandWorld, nth: int, fault: Fault) -> None:
    world.dispatched()
    writes = iter(range(100))

    def step(point: str) -> None:
        if point.startswith("before-") and next(writes) == nth:
            world.forge.fail_next(fault)

    world.forge.step = step
    world.until("proved:others")
    assert_one_of_each(world)


@pytest.mark.parametrize("switches", [[k] for k in range(7)] + [[k, k + 1] for k in range(4)], ids=str)
def test_two_escalations_at_once_make_one_of_each_wherever_they_meet(world: CommandWorld, switches: list[int]) -> None:
    world.dispatched()
    stage = Stage([int(n in switches) for n in range(14)], crashes=0)
    world.forge.step = lambda point: stage.step() if point.startswith("before-") else None

    def escalation() -> None:
        while "proved:others" not in world.moves:
            world.fleet.worker("escalation").step(world.number)

    stage.run([escalation, escalation])
    world.forge.step = lambda _: None
    [pull] = world.forge.pulls
    assert sorted(world.forge.branches) == ["main", pull.branch]
    assert world.moves[-2:] == ["proposed", "proved:others"]
    assert all(r.harmless for r in world.incident.rejected), "the log takes the first and rejects its twin"


def test_a_proposal_that_was_made_before_the_branch_moved_is_found_again(world: CommandWorld) -> None:
    world.dispatched()
    with pytest.raises(SimulatedCrash):
        world.turn(reach=crash_at("pull-open"))
    world.forge.push({"README.md": b"# shop\n"}, "Rename")
    world.until("proposed")
    assert_one_of_each(world)


def test_a_default_branch_that_moved_gives_it_back_and_the_next_backend_goes_on(world: CommandWorld) -> None:
    world.dispatched()
    moved = world.forge.push({"README.md": b"# shop\n"}, "Rename")
    world.turn()
    assert returned(world) == f"the default branch is at {moved[:10]}, it was made on {world.base[:10]}"
    world.turn()
    session = world.incident.session
    assert session is not None
    assert (session.backend, session.attempt) == ("human", 2)


def test_a_branch_that_somebody_moved_before_the_proposal_was_said_is_for_a_person(world: CommandWorld) -> None:
    world.dispatched()
    with pytest.raises(SimulatedCrash):
        world.turn(reach=crash_at("pull-open"))
    world.forge.push({"README.md": b"evil\n"}, "One more thing", branch=world.forge.pulls[0].branch)
    world.turn()
    assert world.incident.status is Status.NEEDS_HUMAN
    assert len(world.forge.pulls) == 1


def test_what_is_refuted_goes_back_and_the_next_backend_gets_its_own_turn(world: CommandWorld) -> None:
    world.fleet.prover.verdict = "refuted"
    world.until("returned")
    world.turn()
    assert world.moves[-4:] == ["proposed", "proved:nobody", "returned", "dispatched"]
    session = world.incident.session
    assert (session and session.backend, world.incident.status) == ("human", Status.ESCALATED)
    world.turn(("fixer",))
    assert (world.forge.merges(), world.forge.pulls[0].open) == (0, False), "the fleet's own, so the Fixer closes it"


def test_a_merge_by_the_fleets_own_account_is_no_persons_and_said_once(world: CommandWorld) -> None:
    """The token of the fleet may be a person's own, who merges on the page: nobody can tell them apart."""
    world.until("ruled:needs-approval", ("escalation", "guardrail", "fixer"))
    world.forge.merge_as(FLEET, world.forge.pulls[0].number)
    before = len(world.moves)
    for _ in range(3):
        world.turn(("fixer",))
    assert world.moves[before:] == ["stuck"]
    assert world.incident.rejected == ()


GONE: dict[str, bytes | None] = {CODE: None}
UNSOUND: dict[str, tuple[Mapping[str, bytes | None], str]] = {
    "outside of the services": ({"shared/agent.py": b"x = 1\n"}, "outside of protected_services/**"),
    "a workflow": ({".github/workflows/ci.yml": b"on: push\n"}, "protected"),
    "what runs by being there": ({"protected_services/conftest.py": b"x = 1\n"}, "protected"),
    "the way out": ({"protected_services/../shared/agent.py": b"x = 1\n"}, "in the path"),
    "an absolute path": ({"/etc/passwd": b"x\n"}, "absolute"),
    "git's own": ({"protected_services/.git/config": b"x\n"}, "git keeps"),
    "a look-alike": ({"protected_services/\u0430pp.py": b"x = 1\n"}, "look-alikes"),
    "another case": ({"protected_services/Policy_Service/rules.py": MENDED}, "differs only in case"),
    "a symbolic link's target": ({"protected_services/link": b"../shared"}, "a symbolic link"),
    "a file below a link": ({"protected_services/link/rules.py": MENDED}, "protected_services/link is in its way"),
    "a file in place of a folder": ({"protected_services/policy_service": b"x\n"}, "is in its way"),
    "no text": ({CODE: b"\xff\xfe\x00"}, "rules.py"),
    "nothing but a comment": ({CODE: b"# mended\n" + LEAKS}, "nothing changes in meaning"),
    "a wiped file": ({CODE: b""}, "rules.py"),
    "a file taken out": (GONE, "taken out"),
    "a chat's fence": ({CODE: b"```python\n" + MENDED + b"```\n"}, "rules.py"),
    "the same bytes": ({CODE: LEAKS}, "nothing is changed"),
    "too many files": ({f"protected_services/new/f{n}.py": b"x = 1\n" for n in range(21)}, "20 is the most"),
    "one of two": ({CODE: MENDED, "README.md": b"# shop\n"}, "outside of protected_services/**"),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_what_is_not_sound_is_given_back_with_the_reason_before_anything_is_pushed(tmp_path: Path, name: str) -> None:
    made, why = UNSOUND[name]
    world = CommandWorld(tmp_path, made).dispatched()
    world.turn()
    assert why in returned(world)
    assert world.forge.writes == []


def test_a_mode_that_changes_is_refused() -> None:
    """A command's changes are bytes alone; this is for the pull requests of others."""
    name = "protected_services/run.sh"
    assert any("mode changes" in why for why in faults((FileChange(name, "100755", b"a\n", b"b\n", was="100644"),)))


def test_an_executable_file_stays_executable(tmp_path: Path) -> None:
    name = "protected_services/run.sh"
    world = CommandWorld(tmp_path, {name: b"#!/bin/sh\nexec python app.py --workers 2\n"})
    world.until("proposed")
    assert world.forge.tree(world.forge.pulls[0].head_sha)[name].mode == "100755"


class Trunk(MemorySource):
    """A repository whose default branch has another name."""

    def default_branch(self) -> str:
        return "trunk"


def test_work_begins_from_the_repositorys_own_default_branch(world: CommandWorld) -> None:
    world.turn()
    trunk = Trunk(world.forge, FLEET)
    command = Command(("mend", "{prompt}"), world, world.folder / "other")
    hand = Tier3({"command": command}, trunk, trunk, world.fleet.prover, Redactor())
    fact = hand.carry_out(Delegate("open", "command", 1, world.incident))
    assert isinstance(fact, Dispatched)
    wait_for(lambda: world.asked == ["main", "trunk"])
