"""The adapter on a forge that has a bad day."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.github import GitHub
from shared.adapters.github.writes import Patience
from shared.incident.card import with_card
from shared.ports import Permanent, Transient
from tests.adapters.github_world import AMPLE, HASTY, ForgeProcess

BLOCK = '<!-- sre-space:v1 {{"sig":"{}"}} -->\n**Root Cause** …'


@pytest.fixture
def fleet(forge: ForgeProcess, tmp_path: Path) -> GitHub:
    client = forge.connect("fleet-bot", tmp_path, windows=AMPLE)
    client.reads.now()
    forge.forget()
    return client


def bodies(forge: ForgeProcess, number: int) -> list[str]:
    return [comment["body"] for comment in forge.call("GET", f"/issues/{number}/comments?per_page=100")]


def requests_of(forge: ForgeProcess, method: str, path: str = "") -> list[dict[str, Any]]:
    return [row for row in forge.log() if row["method"] == method and path in row["path"]]


@pytest.mark.parametrize("kind", ["commit_then_502", "commit_then_drop"])
def test_a_post_that_was_done_but_not_confirmed_is_done_once(forge: ForgeProcess, fleet: GitHub, kind: str) -> None:
    forge.misbehave(rules=[{"kind": kind, "method": "POST"}])
    thread = fleet.writes.open_issue("down", BLOCK.format(kind), ())
    first = fleet.writes.comment(thread.number, BLOCK.format("one"))
    second = fleet.writes.comment(thread.number, "no block at all")
    forge.misbehave()
    assert bodies(forge, thread.number) == [BLOCK.format("one"), "no block at all"]
    assert [c.id for c in fleet.reads.thread(thread.number).comments] == [first.id, second.id]
    issues = forge.call("GET", "/issues?state=all&per_page=100")
    assert Counter(issue["body"] for issue in issues)[BLOCK.format(kind)] == 1
    assert len(requests_of(forge, "POST")) == 3


def test_the_same_words_said_earlier_are_not_taken_for_those_of_now(
    forge: ForgeProcess, fleet: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = fleet.writes.open_issue("down", "", ())
    earlier = forge.call("POST", f"/issues/{thread.number}/comments", {"body": BLOCK.format("one")}, login="operator")
    forge.misbehave(rules=[{"kind": "commit_then_502", "method": "POST"}])
    mine = fleet.writes.comment(thread.number, BLOCK.format("one"))
    assert mine.id > earlier["id"], "a stranger's copy is not our comment"


def test_a_post_that_was_not_done_is_done_after_looking(forge: ForgeProcess, fleet: GitHub) -> None:
    thread = fleet.writes.open_issue("down", "", ())
    forge.misbehave(rules=[{"kind": "fail_502", "method": "POST", "times": 2}])
    fleet.writes.comment(thread.number, BLOCK.format("late"))
    assert bodies(forge, thread.number) == [BLOCK.format("late")]
    log = [(row["method"], row["status"]) for row in forge.log() if row["path"].endswith("/comments")]
    posts = [i for i, (method, _) in enumerate(log) if method == "POST"]
    assert [log[i][1] for i in posts] == [502, 502, 201]
    assert all(log[i - 1] == ("GET", 200) for i in posts[1:]), "every further POST is preceded by a look"


def test_a_comment_that_lists_show_late_is_waited_for_not_written_again(
    forge: ForgeProcess, tmp_path: Path, fleet: GitHub
) -> None:
    thread = fleet.writes.open_issue("down", "", ())
    patient = forge.connect(
        "fleet-bot", tmp_path, windows=AMPLE, patience=Patience(read_back_after=(0, 0.3, 0.4, 0.4, 0.4, 0.4))
    )
    patient.reads.now()
    forge.misbehave(hide_new_for_s=1.0, rules=[{"kind": "commit_then_502", "method": "POST"}])
    patient.writes.comment(thread.number, BLOCK.format("hidden"))
    forge.misbehave()
    assert bodies(forge, thread.number) == [BLOCK.format("hidden")]


def test_what_was_just_written_is_read_even_while_lists_hide_it(forge: ForgeProcess, fleet: GitHub) -> None:
    forge.misbehave(hide_new_for_s=600)
    thread = fleet.writes.open_issue("down", "body", ("incident",))
    comment = fleet.writes.comment(thread.number, "seen by its writer")
    assert fleet.reads.thread(thread.number).comments == (comment,)
    assert thread.number in {t.number for t in fleet.reads.incidents()}
    forge.misbehave()
    other = forge.call("POST", f"/issues/{thread.number}/comments", {"body": "a person's"})
    assert [c.id for c in fleet.reads.thread(thread.number).comments] == [comment.id, other["id"]]
    forge.call("DELETE", f"/issues/comments/{other['id']}")
    forge.call("DELETE", f"/issues/comments/{comment.id}")
    assert fleet.reads.thread(thread.number).comments == (), "a deletion counts"


@pytest.mark.parametrize(
    ("rule", "least", "most"),
    [
        ({"kind": "403_secondary", "retry_after": 7}, 6, 8),
        ({"kind": "403_secondary"}, 59, 61),
        ({"kind": "429", "retry_after": 30}, 29, 31),
        ({"kind": "429"}, 59, 61),
        ({"kind": "403_primary", "retry_after": 25}, 24, 28),
        ({"kind": "403_primary", "retry_after": -500}, 59, 61),
    ],
)
def test_after_a_limit_the_whole_client_is_silent_for_as_long_as_github_asks(
    forge: ForgeProcess, fleet: GitHub, tmp_path: Path, rule: dict[str, Any], least: float, most: float
) -> None:
    thread = fleet.writes.open_issue("down", "", ())
    sibling = forge.connect("fleet-bot", tmp_path)
    forge.forget()
    forge.misbehave(rules=[rule])
    with pytest.raises(Transient) as limited:
        fleet.reads.frozen()
    assert limited.value.retry_after is not None
    assert least <= limited.value.retry_after <= most
    for client in (fleet, sibling):
        for call in (client.reads.frozen, client.reads.incidents, lambda: client.writes.comment(thread.number, "x")):  # noqa: B023
            with pytest.raises(Transient, match="pause") as refused:
                call()
            assert refused.value.retry_after is not None
            assert refused.value.retry_after <= most
    assert len(forge.log()) == 1, "one answer was enough for every process of the account"


def test_a_post_refused_by_a_limit_is_not_sent_again_by_the_library(forge: ForgeProcess, fleet: GitHub) -> None:
    thread = fleet.writes.open_issue("down", "", ())
    forge.forget()
    forge.misbehave(rules=[{"kind": "429", "retry_after": 1, "method": "POST"}])
    with pytest.raises(Transient):
        fleet.writes.comment(thread.number, "once")
    assert len(requests_of(forge, "POST")) == 1


def test_one_broken_read_is_read_again_and_two_are_transient(forge: ForgeProcess, fleet: GitHub) -> None:
    for kind in ("fail_502", "drop"):
        forge.misbehave(rules=[{"kind": kind, "method": "GET", "times": 1}])
        assert fleet.reads.frozen() is False
        forge.misbehave(rules=[{"kind": kind, "method": "GET", "times": 2}])
        with pytest.raises(Transient):
            fleet.reads.frozen()


@pytest.mark.parametrize("down", ["drop", "503"])
def test_with_github_down_everything_is_transient_and_a_snapshot_is_not_thawed(
    forge: ForgeProcess, fleet: GitHub, down: str
) -> None:
    thread = fleet.writes.open_issue("down", "", ())
    forge.misbehave(down=down)
    calls = (
        lambda: fleet.reads.thread(thread.number),
        lambda: fleet.reads.snapshot(thread.number),
        fleet.reads.incidents,
        lambda: fleet.reads.permission("operator"),
        lambda: fleet.writes.comment(thread.number, "x"),
        lambda: fleet.writes.add_label(thread.number, "x"),
        lambda: fleet.writes.close(thread.number),
    )
    for call in calls:
        with pytest.raises(Transient):
            call()
    forge.misbehave(rules=[{"kind": "fail_502", "method": "GET", "path": ".*/issues$"}])
    assert fleet.reads.snapshot(thread.number)[1] is True, "an unreadable switch counts as frozen"


def test_an_idle_fleet_gets_only_304s(forge: ForgeProcess, fleet: GitHub) -> None:
    thread = fleet.writes.open_issue("down", "", ("incident",))
    for body in ("one", "two"):
        fleet.writes.comment(thread.number, body)
    since = fleet.reads.now() - timedelta(hours=1)
    watch = fleet.watch("/issues/comments", {"sort": "updated", "direction": "desc"})

    def idle() -> None:
        fleet.reads.snapshot(thread.number)
        fleet.reads.incidents()
        fleet.reads.incidents(state="all", since=since)
        fleet.reads.labelled(thread.number)
        fleet.reads.commits(since)
        watch.changed()

    idle()
    forge.forget()
    for _ in range(3):
        idle()
    assert watch.changed() is None
    assert {row["status"] for row in forge.log()} == {304}
    assert len(forge.log()) == 3 * 8 + 1


def test_three_pages_of_comments_are_read_whole_and_cost_nothing_when_unchanged(
    forge: ForgeProcess, fleet: GitHub
) -> None:
    thread = fleet.writes.open_issue("down", "", ("incident",))
    for i in range(199):
        forge.call("POST", f"/issues/{thread.number}/comments", {"body": f"comment {i}"})
    reader = fleet.reads
    assert len(reader.thread(thread.number).comments) == 199
    forge.call("POST", f"/issues/{thread.number}/comments", {"body": "comment 199"})
    assert len(reader.thread(thread.number).comments) == 200
    forge.call("POST", f"/issues/{thread.number}/comments", {"body": "comment 200"})
    comments = reader.thread(thread.number).comments
    assert [c.body for c in comments] == [f"comment {i}" for i in range(201)], "also the first of a new page"
    forge.forget()
    reader.thread(thread.number)
    assert {row["status"] for row in forge.log()} == {304}
    forge.call("DELETE", f"/issues/comments/{comments[0].id}")
    assert [c.body for c in reader.thread(thread.number).comments] == [f"comment {i}" for i in range(1, 201)]


def test_a_snapshot_costs_one_round_trip(forge: ForgeProcess, fleet: GitHub) -> None:
    thread = fleet.writes.open_issue("down", "", ("incident",))
    fleet.reads.snapshot(thread.number)
    forge.misbehave(latency_ms=200)
    start = time.perf_counter()
    fleet.reads.snapshot(thread.number)
    assert time.perf_counter() - start < 0.35, "issue, comments and switch are asked for at the same time"


def test_four_threads_in_parallel_each_get_their_own_answers(forge: ForgeProcess, fleet: GitHub) -> None:
    numbers = [fleet.writes.open_issue(f"issue {i}", f"body {i}", ("incident",)).number for i in range(4)]

    def work(i: int) -> None:
        for k in range(10):
            fleet.writes.comment(numbers[i], BLOCK.format(f"{i}.{k}"))
            thread, _ = fleet.reads.snapshot(numbers[i])
            assert thread.body == f"body {i}"
            assert [c.body for c in thread.comments] == [BLOCK.format(f"{i}.{n}") for n in range(k + 1)]

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work, i) for i in range(4)]:
            future.result()


def test_a_label_change_and_a_close_survive_lost_answers(forge: ForgeProcess, fleet: GitHub) -> None:
    thread = fleet.writes.open_issue("down", "text", ("incident", "old"))
    forge.misbehave(rules=[{"kind": "commit_then_502", "method": m, "times": 1} for m in ("POST", "DELETE", "PATCH")])
    fleet.writes.add_label(thread.number, "new")
    fleet.writes.remove_label(thread.number, "old")
    fleet.writes.close(thread.number)
    forge.misbehave(rules=[{"kind": "commit_then_502", "method": "PATCH", "times": 1}])
    fleet.writes.edit_body(thread.number, with_card("text", "card"))
    now = fleet.reads.thread(thread.number)
    assert now.labels == {"incident", "new"}
    assert (now.closed, now.body) == (True, with_card("text", "card"))


def test_an_edit_that_changes_nothing_is_not_sent(forge: ForgeProcess, fleet: GitHub) -> None:
    thread = fleet.writes.open_issue("down", with_card("text", "card"), ())
    forge.forget()
    fleet.writes.edit_body(thread.number, with_card("text", "card"))
    assert requests_of(forge, "PATCH") == []


def test_words_a_person_added_since_the_card_was_planned_are_kept(forge: ForgeProcess, fleet: GitHub) -> None:
    thread = fleet.writes.open_issue("down", "block\ntext", ())
    planned = with_card(thread.body, "status")
    forge.call("PATCH", f"/issues/{thread.number}", {"body": "block\ntext\n\nIt was me, sorry."})
    fleet.writes.edit_body(thread.number, planned)
    body = fleet.reads.thread(thread.number).body
    assert "It was me, sorry." in body
    assert "status" in body


def test_a_refused_token_says_what_to_do(forge: ForgeProcess, tmp_path: Path) -> None:
    stranger = forge.connect("unknown", tmp_path, patience=HASTY)
    with pytest.raises(Permanent, match="token is wrong, expired or revoked"):
        stranger.reads.incidents()


def test_a_new_issue_that_is_404_to_a_sibling_is_transient_before_it_is_permanent(
    forge: ForgeProcess, fleet: GitHub, tmp_path: Path
) -> None:
    sibling = forge.connect("operator", tmp_path)
    sibling.reads.incidents(state="all")
    number = fleet.writes.open_issue("down", "", ("incident",)).number
    forge.misbehave(hide_new_for_s=600)
    later = number + 1  # what a hidden issue looks like to a reader
    with pytest.raises(Transient, match="too new"):
        sibling.reads.thread(later)
