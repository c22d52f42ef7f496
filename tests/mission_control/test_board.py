"""The issue that shows the fleet: made once, found again, written only when it says something new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from mission_control.herald.board import MARK, Heard, View, body, text, waiting
from mission_control.herald.keeper import COSMETIC, REDRAW_AFTER, SILENT_AFTER, Ears, Keeper
from shared.incident.card import BEGIN, END
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.incident.thread import Thread
from shared.ports import Permanent, Transient
from shared.stream import Event
from shared.testing.log import LogBuilder
from shared.testing.samples import FLEET, START
from tests.policy_file import shipped_policy

POLICY = shipped_policy()


def standing(number: int, status: Status) -> Incident:
    log = LogBuilder(number=number).to(status)
    return replace(log.incident, closed=status is Status.CLOSED)


def view(*incidents: Incident, **changes: Any) -> View:
    return replace(View(START, incidents, (), {"scout": Heard(START)}, POLICY), **changes)


class World:
    """GitHub as the keeper sees it, with who writes to it."""

    def __init__(self) -> None:
        self.time = START
        self.incidents: tuple[Incident, ...] = (standing(3, Status.CLOSED),)
        self.frozen: tuple[int, ...] | None = ()
        self.issues: list[dict[str, Any]] = []
        self.edits: list[str] = []
        self.pinned: list[int] = []
        self.no_pins = False
        self.told: list[int] = []

    def now(self) -> datetime:
        return self.time

    def open_numbers(self) -> tuple[int, ...]:
        return tuple(i.number for i in self.incidents if not i.closed)

    def freezes(self) -> tuple[int, ...]:
        if self.frozen is None:
            raise Transient("down")
        return self.frozen

    def body(self, number: int) -> str:
        return str(self.issues[number - 1]["body"])

    def pin(self, number: int) -> None:
        self.pinned.append(number)
        if self.no_pins:
            raise Permanent("Maximum 3 pinned issues per repository")

    def boards(self) -> list[dict[str, Any]]:
        return self.issues

    def recent(self, window: timedelta, besides: int = 0) -> tuple[Incident, ...]:
        del window, besides
        return self.incidents

    def named(self, numbers: Sequence[int]) -> tuple[Incident, ...]:
        return tuple(i for i in self.incidents if i.number in numbers)

    def open_issue(self, title: str, body: str, labels: tuple[str, ...]) -> Thread:
        del title
        number = len(self.issues) + 1
        self.issues.append({"number": number, "state": "open", "body": body, "user": {"login": FLEET}})
        return Thread("o/r", number, "", FLEET, body, self.time, self.time, False, frozenset(labels), (), "u")

    def edit_body(self, number: int, body: str) -> None:
        self.issues[number - 1]["body"] = body
        self.edits.append(body)

    def keeper(self) -> Keeper:
        return Keeper(self, self, self, POLICY, lambda: FLEET, None, self.told.append)


@pytest.fixture
def world() -> World:
    return World()


def test_it_is_made_once_and_found_again_by_a_process_that_remembers_nothing(world: World) -> None:
    world.keeper().step()
    world.keeper().step()
    assert [row["number"] for row in world.issues] == [1]
    assert world.issues[0]["body"].startswith(f"{MARK}\n{BEGIN}")


def test_there_is_none_before_the_first_incident_has_ended_or_waits(world: World) -> None:
    world.incidents = ()
    keeper = world.keeper()
    keeper.step()
    world.incidents = (standing(1, Status.FIXING),)
    keeper.step()
    assert world.issues == []
    world.incidents = (standing(1, Status.NEEDS_APPROVAL),)
    keeper.step()
    assert len(world.issues) == 1


@pytest.mark.parametrize("full", [False, True])
def test_it_is_pinned_when_it_is_made_if_there_is_room(world: World, full: bool) -> None:
    world.no_pins = full
    world.keeper().step()
    world.keeper().step()
    assert world.pinned == [1]
    assert BEGIN in world.issues[0]["body"], "it is kept all the same"


def test_a_ticked_box_wakes_the_fleet_once_and_is_drawn_again(world: World) -> None:
    world.incidents = (standing(7, Status.NEEDS_APPROVAL),)
    keeper = world.keeper()
    keeper.step()
    drawn = world.issues[0]["body"]
    assert "- [ ] approve #7: restart policy-service (directive `" in drawn
    world.issues[0]["body"] = drawn.replace("- [ ] approve", "- [x] approve")
    keeper.step()
    keeper.step()
    assert world.told == [7]
    assert "- [x] approve" in world.issues[0]["body"], "who reads the history has time to"
    world.time += REDRAW_AFTER
    keeper.step()
    assert world.issues[0]["body"] == drawn
    keeper.step()
    assert world.told == [7]


def test_of_two_the_older_is_kept_and_what_others_made_is_not_ours(world: World) -> None:
    world.issues = [
        {"number": 1, "state": "open", "body": MARK, "user": {"login": "mallory"}},
        {"number": 2, "state": "open", "body": f"{MARK}\n", "user": {"login": FLEET}},
        {"number": 3, "state": "open", "body": f"{MARK}\n", "user": {"login": FLEET}},
    ]
    world.keeper().step()
    assert world.issues[0]["body"] == MARK
    assert BEGIN in world.issues[1]["body"]
    assert BEGIN not in world.issues[2]["body"]


def test_a_board_that_a_person_closed_is_left_and_no_other_is_made(world: World) -> None:
    world.issues = [{"number": 1, "state": "closed", "body": f"{MARK}\n", "user": {"login": FLEET}}]
    keeper = world.keeper()
    keeper.step()
    keeper.step()
    assert len(world.issues) == 1
    assert world.edits == []


def test_nothing_new_is_not_written_and_what_may_wait_is_written_once_a_minute(world: World) -> None:
    keeper = world.keeper()
    keeper.step()
    for _ in range(30):
        world.time += timedelta(seconds=5)
        keeper.step()
    assert len(world.edits) == 1
    world.incidents = (standing(7, Status.DETECTED),)
    keeper.step()
    assert len(world.edits) == 2
    world.incidents = (standing(7, Status.DIAGNOSED),)
    keeper.step()
    assert len(world.edits) == 2, "that may wait"
    world.time += COSMETIC
    keeper.step()
    assert len(world.edits) == 3


def test_who_waits_for_a_person_and_a_freeze_are_shown_at_once(world: World) -> None:
    keeper = world.keeper()
    keeper.step()
    world.incidents = (standing(7, Status.NEEDS_APPROVAL),)
    keeper.step()
    world.frozen = (9,)
    keeper.step()
    world.frozen = None
    keeper.step()
    assert len(world.edits) == 4
    assert "restart policy\\-service" in world.edits[1] or "restart policy-service" in world.edits[1]
    assert "Frozen" in world.edits[2]
    assert "cannot be read, so nothing is acted on" in world.edits[3]


def test_what_waits_names_the_directive_in_force_and_a_plan() -> None:
    asked = standing(7, Status.NEEDS_APPROVAL)
    planned = LogBuilder(number=8).to(Status.ESCALATED).do("dispatched", "planned").incident
    first, second = waiting(view(planned, asked))
    assert asked.directive is not None
    assert planned.plan is not None
    assert (first.number, first.digest) == (7, asked.directive.digest)
    assert (second.number, second.digest) == (8, planned.plan.plan_sha256)


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    shown = text(view(heard=None))
    assert "There is no Kafka" in shown
    assert "No firing was closed." in shown
    assert "not heard yet" in text(view())


def test_the_week_is_told_from_the_accounts() -> None:
    assert "1 firing closed" in text(view(standing(7, Status.CLOSED)))


def test_the_same_world_gives_the_same_body() -> None:
    assert body(view(standing(7, Status.FIXING))) == body(view(standing(7, Status.FIXING)))
    assert body(view()).count(BEGIN) == body(view()).count(END) == 1


def test_a_pause_in_heartbeats_is_told_with_its_time_and_a_steady_beat_changes_nothing() -> None:
    now = [START]
    ears = Ears(lambda: now[0])

    def beat(role: str) -> None:
        ears.on_event(Event("i", "/s", "io.sre-space.heartbeat", role, now[0], {"agent": role}, ""))

    beat("scout")
    beat("nobody")
    before = ears.heard(now[0])
    assert before == {"scout": Heard(START)}
    now[0] += timedelta(seconds=50)
    beat("scout")
    assert ears.heard(now[0]) == before
    last = now[0]
    now[0] += SILENT_AFTER + timedelta(seconds=1)
    assert ears.heard(now[0]) == {"scout": Heard(None, last)}
    beat("scout")
    assert ears.heard(now[0]) == {"scout": Heard(now[0])}
