"""The freeze switch against a forge: its own issue is closed, an issue that is more keeps its place."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from mission_control.dashboard.switch import FreezeSwitch
from mission_control.terminal.freeze import freeze, unfreeze
from shared.adapters.github import Address, connect
from shared.incident.labels import DASHBOARD, FREEZE
from shared.runtime.clock import SystemClock
from tests.waiting import wait_for
from tests.workflows.conftest import REPO, World

pytestmark = pytest.mark.scenario


def state_of(world: World, number: int) -> tuple[str, set[str]]:
    row = world.call("olivia", "GET", f"/issues/{number}")
    return row["state"], {label["name"] for label in row["labels"]}


def test_the_label_on_the_fleets_own_issue_freezes_and_is_taken_off_again(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    board = world.call("sre-fleet", "POST", "/issues", title="SRE-Space: the fleet", body="-", labels=[DASHBOARD])
    world.label("rita", board["number"], FREEZE)
    own = world.call("olivia", "POST", "/issues", title="storm", body="It storms.", labels=[FREEZE])
    address = Address(world.api, REPO, "sre-fleet-token", timeout=5)
    with closing(connect(address, world.state, SystemClock(), login="sre-fleet")) as github:
        assert github.reads.frozen()
        assert unfreeze(world.settings("olivia")) == 0
        assert "no longer frozen by" in capsys.readouterr().out
        assert state_of(world, board["number"]) == ("open", {DASHBOARD})
        assert state_of(world, own["number"]) == ("closed", {FREEZE})
        assert not github.reads.frozen()
        assert freeze(world.settings("olivia"), "again") == 0
        assert github.reads.frozen()
        assert unfreeze(world.settings("olivia")) == 0


def test_a_label_freezes_from_when_it_was_put_on_and_not_since_the_issue_was_made(world: World) -> None:
    board = world.call("sre-fleet", "POST", "/issues", title="SRE-Space: the fleet", body="-", labels=[DASHBOARD])
    address = Address(world.api, REPO, "sre-fleet-token", timeout=5)
    made = datetime.fromisoformat(board["created_at"])
    wait_for(lambda: datetime.now(UTC) > made + timedelta(seconds=2), what="the label comes later than the issue")
    world.label("rita", board["number"], FREEZE)
    with closing(connect(address, world.state, SystemClock(), login="sre-fleet")) as github:
        switch = FreezeSwitch(github)
        told = switch.now()
        assert (told["frozen"], told["why"]) == (True, f"#{board['number']} is labelled {FREEZE}")
        (labelled,) = (e for e in github.reads.labelled(board["number"]) if e.label == FREEZE)
        assert switch.at(labelled.at)["frozen"]
        assert made <= labelled.at - timedelta(seconds=1)
        assert not switch.at(labelled.at - timedelta(seconds=1))["frozen"]
    assert unfreeze(world.settings("olivia")) == 0
