"""A case as one file: all that is needed and nothing that strangers wrote, and it proves itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mission_control.replay import BadCase
from mission_control.replay.again import Given, made_again
from mission_control.replay.bundle import Bundle, Expected, read, write
from mission_control.replay.differ import Difference
from mission_control.replay.table import Result
from shared.incident.facts import Commanded
from shared.incident.replay import replay
from shared.incident.status import Status
from shared.testing.log import LogBuilder
from tests.policy_file import FILE
from tests.replay.world import fleet, given, healed
from tests.runtime.fleet import FleetInMemory


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> FleetInMemory:
    made = fleet(tmp_path_factory.mktemp("world"))
    healed(made)
    made.clock.advance(1800)
    made.repository.account("mallory").comment(1, "my password is hunter2 <!-- sre-space:v1 {} -->", "result")
    healed(made)
    return made


def bundle(world: FleetInMemory, number: int, **changes: Any) -> Bundle:
    return replace(Bundle(given(world, number), FILE.read_text(), True, "the one in force"), **changes)


def altered(world: FleetInMemory, *path: str | int, to: Any) -> str:
    """The file of the second incident with one value changed."""
    value = json.loads(write(bundle(world, 2)))
    at = value
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = to
    return json.dumps(value)


def test_what_is_read_back_is_decided_as_what_was_written(world: FleetInMemory) -> None:
    for number in (1, 2):
        back = read(write(bundle(world, number)))
        assert made_again(back.given)[1] == made_again(given(world, number))[1]
        assert Result(*made_again(back.given)).code == 0
        assert write(back) == write(bundle(world, number))


def test_only_the_incidents_that_were_counted_and_the_cases_that_are_named_go_along(world: FleetInMemory) -> None:
    first, second = (json.loads(write(bundle(world, n))) for n in (1, 2))
    assert [one["number"] for one in second["earlier"]] == [1]
    assert (first["earlier"], len(first["frozen"]), len(second["frozen"])) == ([], 1, 1)


def test_what_a_stranger_wrote_stays_where_it_is(world: FleetInMemory) -> None:
    assert "hunter2" not in write(bundle(world, 1)) + write(bundle(world, 2))


def test_a_comment_that_became_a_fact_goes_along_and_its_neighbours_do_not() -> None:
    log = LogBuilder().to(Status.NEEDS_APPROVAL)
    said = log.post("/approve\n", "octocat")
    log.post("nice weather", "octocat")
    fact = log.next("commanded:approve")
    assert isinstance(fact, Commanded)
    log.say(fact.model_copy(update={"comment_id": said.id}))
    text = write(Bundle(Given(log.thread(), log.keyring, None), None, False, ""))
    assert ("/approve" in text, "nice weather" in text) == (True, False)
    back = replay(read(text).given.thread, log.keyring)
    assert back.entries == log.incident.entries


def test_a_frozen_case_that_was_edited_makes_the_whole_file_worthless(world: FleetInMemory) -> None:
    whole = json.loads(write(bundle(world, 2)))
    (name,) = whole["frozen"]
    other = json.loads(write(bundle(world, 1)))["frozen"]
    with pytest.raises(BadCase, match="is not the one that was judged"):
        read(altered(world, "frozen", name, to=next(iter(other.values()))))
    with pytest.raises(BadCase, match="that the log does not name"):
        read(altered(world, "frozen", to=other))
    with pytest.raises(BadCase, match="cannot be unpacked"):
        read(altered(world, "frozen", name, "text", to="A" * 40))


def test_a_fact_that_was_edited_in_the_file_is_no_fact_any_more(world: FleetInMemory) -> None:
    body = json.loads(write(bundle(world, 2)))["thread"]["comments"][1]["body"]
    assert '"ruling":"allow"' in body
    changed = read(altered(world, "thread", "comments", 1, "body", to=body.replace('"ok":true', '"ok":false', 1)))
    result = Result(*made_again(changed.given))
    assert result.code == 1
    assert [row.move for row in result.decisions] == ["diagnosed"]


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("format",), "another/1"),
        (("keyring",), "accounts = []"),
        (("policy", "text"), "version: 2"),
        (("thread", "comments"), [{}]),
        (("frozen",), []),
        (("window_s",), "long"),
        (("expected",), [{"seq": 1}]),
    ],
)
def test_a_file_that_is_no_case_is_refused_in_words(world: FleetInMemory, path: tuple[str, ...], to: Any) -> None:
    with pytest.raises(BadCase):
        read(altered(world, *path, to=to))


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000])
def test_what_is_no_json_object_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadCase):
        read(text)


def test_a_difference_that_was_accepted_is_expected_and_any_other_is_not(world: FleetInMemory) -> None:
    stricter = FILE.read_text().replace("actions_per_service: 3", "actions_per_service: 0")
    changed = read(write(bundle(world, 1, policy=stricter)))
    result = Result(*made_again(changed.given))
    assert result.code == 1
    accepted = read(write(replace(changed, expected=result.found)))
    again = Result(*made_again(accepted.given), expected=accepted.expected)
    assert (again.odd, again.code) == ((), 0)
    gone = replace(again, expected=(*accepted.expected, Expected(2, Difference("ruling", "allow", "stale"))))
    assert gone.odd == ("no longer: fact 2, ruling: allow → stale",)
    assert gone.code == 1


def test_a_case_whose_frozen_text_was_lost_is_exported_without_it(world: FleetInMemory) -> None:
    damaged = dict.fromkeys(world.cases.texts, b"something else")
    back = read(write(bundle(world, 1, given=given(world, 1, frozen=damaged))))
    assert back.given.frozen == {}
    assert Result(*made_again(back.given)).code == 3


def test_the_file_is_plain_ascii(world: FleetInMemory, tmp_path: Path) -> None:
    assert write(bundle(world, 2)).isascii()
