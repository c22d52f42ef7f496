"""What Issues, IssueWriter, People and History promise, on the twin and on the adapter against a forge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.incident.card import with_card
from shared.incident.thread import Thread
from shared.ports import Permanent
from tests.adapters.github_world import World

LABELS = ("incident", "service:policy-service", "Status: Detected")


def opened(world: World, title: str = "policy-service is down", body: str = "It does not answer.") -> Thread:
    thread: Thread = world.fleet.writes.open_issue(title, body, LABELS)
    return thread


def test_an_opened_issue_is_read_back_as_it_was_written(world: World) -> None:
    thread = opened(world, body="first line ü\n\nsecond **line** 🚒")
    read, frozen = world.fleet.reads.snapshot(thread.number)
    assert (read.title, read.body, read.author) == (thread.title, "first line ü\n\nsecond **line** 🚒", "fleet-bot")
    assert read.labels == set(LABELS)
    assert (read.closed, frozen, read.comments) == (False, False, ())
    assert read.repo == "acme/market"


def test_comments_come_back_in_order_with_their_authors_and_unedited(world: World) -> None:
    thread = opened(world)
    first = world.fleet.writes.comment(thread.number, "one")
    second = world.operator.writes.comment(thread.number, "two", "safety")
    third = world.outsider.writes.comment(thread.number, "three")
    comments = world.fleet.reads.thread(thread.number).comments
    assert [(c.id, c.body, c.author) for c in comments] == [
        (first.id, "one", "fleet-bot"),
        (second.id, "two", "operator"),
        (third.id, "three", "outsider"),
    ]
    assert first.id < second.id < third.id
    assert not any(c.edited for c in comments)


def test_labels_are_added_and_removed_singly_and_any_number_of_times(world: World) -> None:
    thread = opened(world)
    world.operator.writes.add_label(thread.number, "a person's label")
    for _ in range(2):
        world.fleet.writes.add_label(thread.number, "Status: Diagnosed")
    for _ in range(2):
        world.fleet.writes.remove_label(thread.number, "Status: Detected")
    labels = world.fleet.reads.thread(thread.number).labels
    assert labels == {"incident", "service:policy-service", "Status: Diagnosed", "a person's label"}


def test_closing_and_reopening_twice_is_fine_and_lists_follow(world: World) -> None:
    thread = opened(world)
    for _ in range(2):
        world.fleet.writes.close(thread.number)
    assert world.operator.reads.thread(thread.number).closed
    assert thread.number not in {t.number for t in world.operator.reads.incidents()}
    assert thread.number in {t.number for t in world.operator.reads.incidents(state="all")}
    for _ in range(2):
        world.fleet.writes.reopen(thread.number)
    assert thread.number in {t.number for t in world.operator.reads.incidents()}


def test_incidents_are_listed_lowest_number_first_and_by_what_changed_since(world: World) -> None:
    numbers = [opened(world, title).number for title in ("one", "two", "three")]
    world.fleet.writes.open_issue("not an incident", "", ("question",))
    listed = [t.number for t in world.operator.reads.incidents(state="all")]
    assert listed == sorted(listed)
    assert set(numbers) <= set(listed)
    now = world.operator.reads.now()
    assert set(numbers) <= {t.number for t in world.operator.reads.incidents(since=now - timedelta(minutes=1))}
    assert world.operator.reads.incidents(since=now + timedelta(minutes=5)) == ()


def test_an_open_issue_labelled_freeze_freezes_until_it_is_closed(world: World) -> None:
    assert not world.fleet.reads.frozen()
    switch = world.operator.writes.open_issue("stop", "", ("sre:freeze",))
    thread = opened(world)
    assert world.fleet.reads.frozen()
    assert world.fleet.reads.snapshot(thread.number)[1]
    world.operator.writes.close(switch.number)
    assert not world.fleet.reads.frozen()
    assert not world.fleet.reads.snapshot(thread.number)[1]


def test_the_card_is_replaced_and_the_rest_of_the_body_stays(world: World) -> None:
    thread = opened(world, body="block\nwhat happened")
    world.fleet.writes.edit_body(thread.number, with_card(thread.body, "status: one"))
    once = world.fleet.reads.thread(thread.number).body
    world.fleet.writes.edit_body(thread.number, with_card(once, "status: two"))
    body = world.fleet.reads.thread(thread.number).body
    assert "status: two" in body
    assert "status: one" not in body
    assert body.startswith("block\n")
    assert body.endswith("what happened")


def test_what_a_person_wrote_into_the_body_meanwhile_survives_a_card_edit(world: World) -> None:
    thread = opened(world, body="block\nwhat happened")
    planned = with_card(thread.body, "status: one")
    world.operator.writes.edit_body(thread.number, with_card(thread.body, "x"))  # somebody's card was first
    with pytest.raises(Permanent, match="somebody else"):
        world.operator.writes.edit_body(thread.number, "all of it rewritten, without a card")
    world.fleet.writes.edit_body(thread.number, planned)
    assert world.fleet.reads.thread(thread.number).body == planned


def test_a_body_over_sixty_thousand_characters_is_refused_before_it_is_sent(world: World) -> None:
    thread = opened(world)
    calls: list[Callable[[], object]] = [
        lambda: world.fleet.writes.comment(thread.number, "x" * 60_001),
        lambda: world.fleet.writes.open_issue("t", "x" * 60_001, ()),
        lambda: world.fleet.writes.edit_body(thread.number, "x" * 60_001),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="60000"):
            call()
    world.fleet.writes.comment(thread.number, "x" * 60_000)
    assert len(world.fleet.reads.thread(thread.number).comments) == 1


def test_the_permission_is_the_role_and_strangers_have_none(world: World) -> None:
    found = [world.fleet.reads.permission(login) for login in ("fleet-bot", "operator", "outsider", "no-such-login")]
    assert found == ["admin", "write", "read", "none"]


def test_who_labelled_is_known(world: World) -> None:
    thread = opened(world)
    world.operator.writes.add_label(thread.number, "jules-fix")
    world.operator.writes.remove_label(thread.number, "jules-fix")
    events = world.fleet.reads.labelled(thread.number)
    assert [(e.label, e.login) for e in events if e.label in {"incident", "jules-fix"}] == [
        ("incident", "fleet-bot"),
        ("jules-fix", "operator"),
    ]
    assert [e.event_id for e in events] == sorted({e.event_id for e in events})


def test_those_who_may_not_are_refused_for_good(world: World) -> None:
    thread = opened(world)
    calls: list[Callable[[], object]] = [
        lambda: world.outsider.writes.add_label(thread.number, "jules-fix"),
        lambda: world.outsider.writes.close(thread.number),
        lambda: world.outsider.writes.open_issue("labels are dropped in silence", "", ("incident",)),
        lambda: world.fleet.writes.comment(999_999, "nobody there"),
    ]
    for call in calls:
        with pytest.raises(Permanent):
            call()
    assert world.fleet.reads.thread(thread.number).labels == set(LABELS)


def test_an_issue_that_never_was_is_refused_for_good(world: World) -> None:
    with pytest.raises(Permanent, match="404"):
        world.fleet.reads.thread(999_999)


def test_reacting_twice_is_fine(world: World) -> None:
    thread = opened(world)
    comment = world.operator.writes.comment(thread.number, "/approve")
    for _ in range(2):
        world.fleet.writes.react(comment.id, "eyes")
    with pytest.raises(Permanent):
        world.fleet.writes.react(99_999_999, "eyes")
