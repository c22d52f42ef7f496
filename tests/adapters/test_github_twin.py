"""The twin's own doings: faults, late visibility, hooks for interleavings."""

from __future__ import annotations

import pytest

from shared.ports import Permanent, Transient
from shared.testing.clock import VirtualClock
from shared.testing.github import MemoryRepository


def repository(clock: VirtualClock | None = None) -> MemoryRepository:
    return MemoryRepository(clock or VirtualClock(), roles={"fleet-bot": "write", "other": "write"})


def test_a_refused_write_is_not_done_and_a_lost_answer_is() -> None:
    world = repository()
    fleet = world.account("fleet-bot")
    number = fleet.open_issue("t", "b", ("incident",)).number
    world.fail_next("refused", "answer-lost")
    for body in ("refused", "lost"):
        with pytest.raises(Transient):
            fleet.comment(number, body)
    assert [c.body for c in fleet.thread(number).comments] == ["lost"]
    assert [w.what for w in world.writes] == ["open_issue", "comment"]


def test_new_things_are_hidden_from_others_and_never_from_their_writer() -> None:
    clock = VirtualClock()
    world = repository(clock)
    world.hide_new_for = 5
    fleet, other = world.account("fleet-bot"), world.account("other")
    number = fleet.open_issue("t", "b", ("incident",)).number
    assert [t.number for t in fleet.incidents()] == [number]
    assert other.incidents() == ()
    with pytest.raises(Permanent):
        other.thread(number)
    clock.advance(5)
    fleet.comment(number, "late")
    assert other.thread(number).comments == ()
    clock.advance(5)
    assert [c.body for c in other.thread(number).comments] == ["late"]


def test_down_is_transient_for_reads_and_writes_until_it_is_up() -> None:
    world = repository()
    fleet = world.account("fleet-bot")
    number = fleet.open_issue("t", "b", ()).number
    world.down()
    for call in (lambda: fleet.thread(number), fleet.incidents, fleet.frozen, lambda: fleet.comment(number, "x")):
        with pytest.raises(Transient):
            call()
    world.down(None)
    assert fleet.thread(number).comments == ()


def test_a_test_may_crash_before_and_after_every_write() -> None:
    points: list[str] = []
    world = repository()
    world.step = points.append
    fleet = world.account("fleet-bot")
    number = fleet.open_issue("t", "b", ()).number
    fleet.add_label(number, "x")
    fleet.close(number)
    assert points == [f"{when}-{what}" for what in ("open_issue", "add_label", "close") for when in ("before", "after")]


def test_edits_by_others_show_in_the_comment_and_deletions_too() -> None:
    clock = VirtualClock()
    world = repository(clock)
    fleet = world.account("fleet-bot")
    number = fleet.open_issue("t", "b", ()).number
    comment = fleet.comment(number, "as written")
    clock.advance(2)
    world.edit_comment(comment.id, "as edited")
    (edited,) = fleet.thread(number).comments
    assert (edited.author, edited.edited, edited.body) == ("fleet-bot", True, "as edited")
    world.delete_comment(comment.id)
    assert fleet.thread(number).comments == ()
