"""A pull request that somebody else's agent opened: joined, proved, and merged by a person, who is not the fleet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from shared.incident.facts import Merged, Proposed, Stuck
from shared.incident.record import Role
from shared.incident.status import Status
from shared.ports import Backend, Brief, PullRef, Queued, Session
from shared.source import NewCommit
from shared.testing.samples import FLEET
from tests.escalation.command_world import CODE, MENDED, CommandWorld

THEM = "google-labs-jules[bot]"
DONE: tuple[Role, ...] = ("escalation", "guardrail", "fixer")


class Theirs:
    """An agent elsewhere that opens its pull request at once, as its own account."""

    name = "jules"

    def __init__(self, world: TheirWorld) -> None:
        self._world = world

    def open(self, brief: Brief) -> Session | Queued:
        del brief
        return self.look("1")

    def find(self, brief: Brief) -> Session | None:
        del brief
        return None

    def look(self, session_id: str) -> Session:
        them, branch = self._world.forge.account(THEM), "mend-it-1"
        if self._world.forge.branches.get(branch) is None:
            them.branch(branch, NewCommit(self._world.base, {CODE: MENDED}, "Mend it", self._world.fleet.clock.now()))
        pull = them.propose(branch, "Bound the list of quotes", "It grew without an end.", ())
        return Session("jules", session_id, "", "completed", pull=PullRef(pull.number, pull.link, branch))

    def approve_plan(self, session_id: str) -> None:
        """It shows none."""

    def tell(self, session_id: str, text: str) -> bool:
        del session_id, text
        return False


class TheirWorld(CommandWorld):
    """Tier 3 is an agent elsewhere, then a person."""

    def _backends(self) -> Mapping[str, Backend]:
        return {"jules": Theirs(self), "human": super()._backends()["human"]}


@pytest.fixture
def world(tmp_path: Path) -> TheirWorld:
    return TheirWorld(tmp_path)


def test_it_is_joined_proved_and_merged_by_a_person_on_github(world: TheirWorld) -> None:
    world.until("ruled:needs-approval", DONE)
    proposed = world.incident.last(Proposed)
    assert proposed is not None
    assert (proposed.branch, proposed.changes) == ("mend-it-1", ("Bound the list of quotes",))
    world.forge.merge_as("olivia", proposed.number)
    world.until("deployed:running", DONE)
    assert [m.by for m in world.incident.all(Merged)] == ["olivia"]
    assert world.forge.tree(world.forge.branches["main"])[CODE].data == MENDED


def test_its_author_may_merge_it(world: TheirWorld) -> None:
    """Whoever may merge on GitHub may: a person who proposes and merges is one."""
    world.until("ruled:needs-approval", DONE)
    world.forge.merge_as(THEM, world.forge.pulls[0].number)
    world.until("merged", DONE)


def test_a_merge_by_the_fleets_own_account_is_no_persons_and_said_once(world: TheirWorld) -> None:
    world.until("ruled:needs-approval", DONE)
    world.forge.merge_as(FLEET, world.forge.pulls[0].number)
    before = len(world.moves)
    for _ in range(3):
        world.turn(("fixer",))
    assert world.moves[before:] == ["stuck"]
    assert world.incident.rejected == ()
    assert world.incident.status is Status.NEEDS_HUMAN
    stuck = world.incident.last(Stuck)
    assert stuck is not None
    assert f"was merged by {FLEET}" in stuck.reason
