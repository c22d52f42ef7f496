"""The Jules backend on the embedded server: from a brief to a pull request, whatever goes wrong on the way."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from agents.escalation.backends.intents import Intents
from agents.escalation.backends.jules import Jules, Limits
from shared.ports import Permanent, Queued, Transient
from shared.runtime.clock import SystemClock
from tests.escalation.world import JULES, KEY, NO_WAIT, PATCHES, REPO, World, a_brief, opened, reached
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(180)  # real processes, on machines that may be busy

AMPLE = Limits(a_day=500, at_once=100, settles=timedelta(0))


_NUMBERS = itertools.count(101)


def number_of() -> int:
    """A new issue number for each test that shares a world."""
    return next(_NUMBERS)


def test_a_brief_becomes_a_plan_and_once_approved_a_pull_request_by_jules(world: World) -> None:
    client = world.client()
    session = opened(client.open(a_brief()))
    assert session.state in ("queued", "planning", "awaiting-approval")
    waiting = reached(client, session.id, "awaiting-approval")
    assert waiting.plan
    assert waiting.plan.startswith("1. Find what grows: ")
    assert waiting.pull is None
    assert world.github("GET", "/pulls?state=all") == []
    client.approve_plan(session.id)
    done = reached(client, session.id, "completed")
    assert done.pull
    assert done.made is None
    pull = world.github("GET", f"/pulls/{done.pull.number}")
    assert (pull["user"]["login"], pull["head"]["ref"], pull["html_url"]) == (JULES, done.pull.head, done.pull.url)
    assert done.pull.head.endswith(session.id)
    assert "prepared beforehand" in pull["body"]
    assert "Fixes #12" in pull["body"]
    assert "#666" not in pull["body"], "what is fenced as data is not read"
    files = world.github("GET", f"/pulls/{done.pull.number}/files")
    assert [one["filename"] for one in files] == ["protected_services/quote_service/pricing.py"]
    assert done.detail == ""


def test_the_pull_request_turns_the_reproduction_from_red_to_green(world: World) -> None:
    client = world.client()
    session = opened(client.open(a_brief()))
    reached(client, session.id, "awaiting-approval")
    client.approve_plan(session.id)
    pull = reached(client, session.id, "completed").pull
    assert pull
    found = []
    for name in ("main", pull.head):
        tree = world.folder / name
        url = f"{world.forge.ready['url']}/{REPO}.git"
        subprocess.run(["git", "clone", "--quiet", "--branch", name, url, str(tree)], check=True, timeout=30)
        script = [sys.executable, "-I", str(PATCHES / "leak.repro.py"), str(tree)]
        found.append(subprocess.run(script, capture_output=True, timeout=30, check=False).returncode)
    assert found == [1, 0]


def test_approving_twice_or_when_nothing_waits_does_nothing(world: World) -> None:
    client = world.client()
    session = opened(client.open(a_brief()))
    reached(client, session.id, "awaiting-approval")
    client.approve_plan(session.id)
    client.approve_plan(session.id)
    reached(client, session.id, "completed")
    client.approve_plan(session.id)
    assert len(world.github("GET", "/pulls?state=all")) == 1


def test_a_problem_nobody_prepared_for_fails_with_the_reason(calm: World) -> None:
    client = calm.client(AMPLE)
    session = opened(client.open(a_brief(number_of(), service="user-service", cause="slow")))
    failed = reached(client, session.id, "failed")
    assert failed.detail.startswith("this server replays patches made beforehand and has none for slow in user-service")


def test_a_patch_that_does_not_fit_the_code_fails_with_gits_word(tmp_path: Any) -> None:
    healthy = World(tmp_path, leaking=False)
    try:
        client = healthy.client()
        session = opened(client.open(a_brief()))
        assert "patch does not apply" in reached(client, session.id, "failed").detail
    finally:
        healthy.stop()


def test_opening_the_same_key_again_gives_the_same_session_also_on_another_host(calm: World) -> None:
    brief = a_brief(number_of())
    first = opened(calm.client(AMPLE).open(brief))
    assert opened(calm.client(AMPLE).open(brief)).id == first.id
    assert opened(calm.client(AMPLE, host="another").open(brief)).id == first.id
    found = calm.client(AMPLE, host="a third").find(brief)
    assert found
    assert found.id == first.id
    assert calm.client(AMPLE).find(replace(brief, key=f"{REPO}#1/9", title="something else")) is None


def test_many_threads_opening_one_key_at_once_make_one_session(calm: World) -> None:
    client, brief = calm.client(AMPLE), a_brief(number_of())
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(opened(client.open(brief)).id)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 1
    assert len([one for one in calm.sessions() if one["title"] == brief.title]) == 1


def test_kill_9_of_the_server_between_create_and_answer_leaves_one_session(world: World) -> None:
    client, brief = world.client(), a_brief()
    world.misbehave(rules=[{"kind": "commit_then_hang", "method": "POST", "path": ".*/sessions"}])
    caught: list[Exception] = []

    def ask() -> None:
        try:
            client.open(brief)
        except Transient as lost:
            caught.append(lost)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_for(world.sessions)
    world.jules.kill()
    asking.join()
    assert len(caught) == 1
    world.jules.start()
    again = opened(world.client().open(brief))
    assert opened(world.client(host="whose disk was lost").open(brief)).id == again.id
    assert [one["id"] for one in world.sessions()] == [again.id]


@pytest.mark.parametrize("kind", ["commit_then_503", "commit_then_drop"])
def test_a_lost_answer_to_create_is_looked_for_and_not_asked_again(calm: World, kind: str) -> None:
    client, brief = calm.client(AMPLE), a_brief(number_of())
    calm.misbehave(rules=[{"kind": kind, "method": "POST", "path": ".*/sessions"}])
    with pytest.raises(Transient):
        client.open(brief)
    found = opened(client.open(brief))
    assert [one["id"] for one in calm.sessions() if one["title"] == brief.title] == [found.id]


def test_a_session_that_the_list_does_not_show_yet_is_waited_for(calm: World) -> None:
    brief = a_brief(number_of())
    client = calm.client(replace(AMPLE, settles=timedelta(minutes=1)))
    calm.misbehave(rules=[{"kind": "commit_then_drop", "method": "POST", "path": ".*/sessions"}], hide_new_for_s=3600)
    with pytest.raises(Transient):
        client.open(brief)
    waiting = client.open(brief)
    assert isinstance(waiting, Queued)
    assert "may still show up" in waiting.reason
    calm.behave()
    found = opened(client.open(brief))
    assert [one["id"] for one in calm.sessions() if one["title"] == brief.title] == [found.id]


def test_kill_9_of_the_server_in_the_middle_of_the_work_still_gives_one_pull_request(world: World) -> None:
    client = world.client()
    session = opened(client.open(a_brief()))
    reached(client, session.id, "awaiting-approval")
    world.misbehave(stands_still=True)
    client.approve_plan(session.id)
    assert client.look(session.id).state == "working"
    world.jules.kill()
    world.jules.start()
    wait_for(lambda: world.github("GET", "/git/matching-refs/heads/bound-"))
    world.jules.kill()
    world.jules.start()
    done = reached(client, session.id, "completed")
    assert done.pull
    assert len(world.github("GET", "/pulls?state=all")) == 1


def test_a_completed_session_that_plans_again_is_told_so_and_opens_no_second_pull_request(world: World) -> None:
    client = world.client()
    session = opened(client.open(a_brief()))
    reached(client, session.id, "awaiting-approval")
    client.approve_plan(session.id)
    first = reached(client, session.id, "completed")
    world.misbehave(stands_still=True)
    world.force(session.id, "PLANNING")
    back = client.look(session.id)
    assert (back.state, back.pull) == ("planning", first.pull)
    assert "had an outcome and goes on" in back.detail
    assert opened(client.open(a_brief())).id == session.id
    world.behave()
    reached(client, session.id, "awaiting-approval")
    client.approve_plan(session.id)
    assert reached(client, session.id, "completed").pull == first.pull
    assert len(world.github("GET", "/pulls?state=all")) == 1


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("QUEUED", "queued"),
        ("PLANNING", "planning"),
        ("AWAITING_PLAN_APPROVAL", "awaiting-approval"),
        ("AWAITING_USER_FEEDBACK", "awaiting-feedback"),
        ("IN_PROGRESS", "working"),
        ("PAUSED", "paused"),
        ("FAILED", "failed"),
        ("COMPLETED", "completed"),
    ],
)
def test_every_state_has_its_name(calm: World, theirs: str, ours: str) -> None:
    calm.misbehave(stands_still=True)
    client = calm.client(AMPLE)
    session = opened(client.open(a_brief(number_of())))
    calm.force(session.id, theirs)
    assert client.look(session.id).state == ours
    calm.call("DELETE", f"/v1alpha/sessions/{session.id}")


def test_an_unknown_state_is_shown_and_not_guessed(calm: World) -> None:
    client = calm.client(AMPLE)
    session = opened(client.open(a_brief(number_of())))
    calm.force(session.id, "DAYDREAMING")
    shown = client.look(session.id)
    assert (shown.state, shown.detail) == ("unknown", "Jules says DAYDREAMING")


def test_a_question_is_passed_on_and_the_answer_lets_it_go_on(calm: World) -> None:
    calm.misbehave(asking=True)
    client = calm.client(AMPLE)
    session = opened(client.open(a_brief(number_of())))
    asked = reached(client, session.id, "awaiting-feedback")
    assert asked.detail == "Shall I go on? Answer anything."
    assert client.tell(session.id, "yes, go on")
    reached(client, session.id, "awaiting-approval")


def test_a_refused_message_is_told_while_the_key_is_good_for_the_rest(calm: World) -> None:
    client = calm.client(AMPLE)
    session = opened(client.open(a_brief(number_of())))
    calm.misbehave(rules=[{"kind": "401", "method": "POST", "path": ".*:sendMessage", "times": -1}])
    assert not client.tell(session.id, "hello")


def test_a_bad_key_says_what_to_do_and_stands_in_no_message(calm: World) -> None:
    with pytest.raises(Permanent, match="set JULES_API_KEY") as refused:
        calm.client(AMPLE, key="wrong-key-987654321").open(a_brief(number_of()))
    assert "wrong-key" not in str(refused.value)
    good = opened(calm.client(AMPLE).open(a_brief(number_of())))
    with pytest.raises(Permanent):
        calm.client(AMPLE, key="wrong-key-987654321").tell(good.id, "hello")
    assert KEY not in calm.jules.log


def test_waits_double_from_one_second_to_thirty_and_a_longer_wish_of_the_server_counts(calm: World) -> None:
    client = calm.client(AMPLE)
    calm.misbehave(rules=[{"kind": "503", "times": 7}, {"kind": "429", "retry_after": 77}])
    waits = []
    for _ in range(8):
        with pytest.raises(Transient) as later:
            client.look("123")
        waits.append(later.value.retry_after)
    assert waits == [1, 2, 4, 8, 16, 30, 30, 77]
    session = opened(client.open(a_brief(number_of())))
    calm.misbehave(rules=[{"kind": "500"}])
    with pytest.raises(Transient) as first:
        client.look(session.id)
    assert first.value.retry_after == 1, "an answer begins the count anew"


def test_a_refusal_to_create_that_did_nothing_is_asked_again(calm: World) -> None:
    brief = a_brief(number_of())
    client = calm.client(replace(AMPLE, settles=timedelta(hours=1)))
    calm.misbehave(rules=[{"kind": "429", "method": "POST", "path": ".*/sessions", "retry_after": 5}])
    with pytest.raises(Transient) as later:
        client.open(brief)
    assert later.value.retry_after == 5
    opened(client.open(brief))


def test_a_quota_of_the_server_queues(calm: World) -> None:
    client = calm.client(AMPLE)
    calm.misbehave(rules=[{"kind": "quota", "method": "POST", "path": ".*/sessions", "retry_after": 600}])
    queued = client.open(a_brief(number_of()))
    assert isinstance(queued, Queued)
    assert "Quota exceeded" in queued.reason


def test_three_at_once_and_fifteen_a_day_are_kept_and_said(world: World) -> None:
    client = world.client()
    for number in (1, 2, 3):
        opened(client.open(a_brief(number)))
    full = client.open(a_brief(4))
    assert isinstance(full, Queued)
    assert full.reason == "3 Jules sessions are open, and 3 may be at once"
    for row in world.sessions():
        world.force(row["id"], "FAILED")
    limited = world.client(replace(NO_WAIT, a_day=3))
    tomorrow = limited.open(a_brief(4))
    assert isinstance(tomorrow, Queued)
    assert tomorrow.reason == "3 Jules sessions were begun within a day, and 3 may be"
    oldest = min(datetime.fromisoformat(row["createTime"]) for row in world.sessions())
    assert tomorrow.retry_at == oldest + timedelta(days=1)
    opened(client.open(a_brief(4)))


def test_the_server_itself_queues_beyond_its_places_and_refuses_beyond_its_day(tmp_path: Any) -> None:
    small = World(tmp_path, options=("--at-once", "1", "--a-day", "2"))
    try:
        client = small.client(AMPLE)
        first = opened(client.open(a_brief(1)))
        reached(client, first.id, "awaiting-approval")
        second = opened(client.open(a_brief(2)))
        assert client.look(second.id).state == "queued"
        assert isinstance(client.open(a_brief(3)), Queued)
        client.approve_plan(first.id)
        reached(client, second.id, "awaiting-approval")
    finally:
        small.stop()


def test_a_list_over_many_pages_with_doubles_is_read_whole(calm: World) -> None:
    calm.misbehave(stands_still=True)
    client = calm.client(AMPLE)
    brief = a_brief(number_of())
    first = opened(client.open(brief))
    while len(calm.sessions()) < 65:
        calm.call("POST", "/v1alpha/sessions", _wish(calm, f"another {len(calm.sessions())}"))
    calm.misbehave(stands_still=True, duplicate_listing=True)
    found = calm.client(AMPLE, host="forgetful").find(brief)
    assert found
    assert (found.id, found.detail) == (first.id, "")
    calm.behave()
    for row in calm.sessions():
        calm.call("DELETE", f"/v1alpha/sessions/{row['id']}")


def test_of_two_sessions_with_one_title_the_oldest_counts_and_both_are_told(calm: World) -> None:
    calm.misbehave(stands_still=True)
    brief = a_brief(number_of())
    first = calm.call("POST", "/v1alpha/sessions", _wish(calm, brief.title))
    calm.call("POST", "/v1alpha/sessions", _wish(calm, brief.title))
    found = opened(calm.client(AMPLE).open(brief))
    assert (found.id, found.detail) == (first["id"], "2 sessions have this title; the oldest counts")


def test_a_repository_that_is_no_source_says_what_to_install(calm: World) -> None:
    calm.misbehave(rules=[{"kind": "garbage", "path": ".*/sources"}])
    with pytest.raises(Permanent, match="not JSON"):
        calm.client(AMPLE).open(a_brief(number_of()))
    stranger = _client_of(calm, "acme/other")
    with pytest.raises(Permanent, match="install the Jules app"):
        stranger.open(replace(a_brief(number_of()), repo="acme/other"))
    with pytest.raises(Permanent, match="not for acme/other"):
        calm.client(AMPLE).open(replace(a_brief(number_of()), repo="acme/other"))
    stranger.close()


def test_a_source_in_the_other_spelling_is_found_too(tmp_path: Any) -> None:
    dashed = World(tmp_path, options=("--source", "sources/github-acme-market"))
    try:
        opened(dashed.client().open(a_brief()))
    finally:
        dashed.stop()


def test_a_redirection_does_not_carry_the_key_away(calm: World) -> None:
    calm.misbehave(rules=[{"kind": "302"}])
    with pytest.raises(Permanent, match="answered 302"):
        calm.client(AMPLE).look("123")


def test_an_answer_without_end_is_not_read_to_its_end(calm: World) -> None:
    calm.misbehave(rules=[{"kind": "huge"}])
    with pytest.raises(Permanent, match="more than 8388608 bytes"):
        calm.client(AMPLE).look("123")


def test_an_id_that_would_change_the_address_is_none(calm: World) -> None:
    for bad in ("../sources", "1/activities", "1:approvePlan", "", "1?x"):
        with pytest.raises(Permanent, match="no session id"):
            calm.client(AMPLE).look(bad)


def test_the_key_does_not_travel_over_plain_http_to_another_machine(calm: World) -> None:
    with pytest.raises(Permanent, match="not https"):
        _client_of(calm, REPO, "http://jules.example.com/v1alpha")


def _client_of(world: World, repo: str, url: str = "") -> Jules:
    intents = Intents(world.folder / "intents" / "stranger")
    return Jules(KEY, repo, intents, SystemClock(), url or world.jules.ready["api"], AMPLE)


def _wish(world: World, title: str) -> dict[str, Any]:
    source = world.call("GET", "/v1alpha/sources")["sources"][0]["name"]
    context = {"source": source, "githubRepoContext": {"startingBranch": "main"}}
    return {"prompt": "something", "title": title, "sourceContext": context, "requirePlanApproval": True}
