"""The switch makes the forge fail the way GitHub fails, and the log shows what clients did about it."""

import time
from collections.abc import Callable

import pytest
import requests
from github import Github, GithubRetry

from tests.forge.conftest import FLEET, OPERATOR, REPO, Running


def comments(forge: Running) -> list[str]:
    return [one["body"] for one in forge.session().get(f"{forge.repo}/issues/1/comments").json()]


def test_commit_then_502_has_happened_although_it_says_otherwise(forge: Running) -> None:
    fleet = forge.session()
    fleet.post(f"{forge.repo}/issues", json={"title": "a"})
    forge.misbehave(commit_then_502=[{"method": "POST", "path": ".*/comments$", "times": 1}])
    assert fleet.post(f"{forge.repo}/issues/1/comments", json={"body": "x"}).status_code == 502
    assert comments(forge) == ["x"]
    assert fleet.post(f"{forge.repo}/issues/1/comments", json={"body": "y"}).status_code == 201


def test_pygithubs_default_retry_doubles_a_comment_after_commit_then_502(
    forge: Running, github: Callable[..., Github]
) -> None:
    forge.session().post(f"{forge.repo}/issues", json={"title": "a"})
    forge.misbehave(rules=[{"kind": "commit_then_502", "method": "POST", "path": ".*/comments$", "times": 1}])
    github(FLEET, retry=GithubRetry()).get_repo(REPO).get_issue(1).create_comment("twice")
    assert comments(forge) == ["twice", "twice"]
    posts = [
        (row["status"], row["rule"])
        for row in forge.log()
        if row["path"].endswith("/comments") and row["method"] == "POST"
    ]
    assert posts == [(502, "commit_then_502"), (201, None)]


def test_fail_502_has_not_happened(forge: Running) -> None:
    fleet = forge.session()
    forge.misbehave(rules=[{"kind": "fail_502", "method": "POST", "path": ".*/issues$"}])
    assert fleet.post(f"{forge.repo}/issues", json={"title": "a"}).status_code == 502
    assert fleet.get(f"{forge.repo}/issues").json() == []


@pytest.mark.parametrize(
    ("kind", "after", "status", "header"),
    [
        ("403_secondary", 7, 403, "7"),
        ("403_secondary", None, 403, None),
        ("429", 3, 429, "3"),
        ("429", None, 429, None),
    ],
)
def test_limits_come_with_and_without_retry_after(
    forge: Running, kind: str, after: int | None, status: int, header: str | None
) -> None:
    forge.misbehave(rules=[{"kind": kind, "method": "GET", "path": ".*/labels$", "retry_after": after}])
    answer = forge.session().get(f"{forge.repo}/labels")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, header)
    assert "secondary rate limit" in answer.json()["message"]


def test_a_primary_limit_names_the_moment_of_reset(forge: Running) -> None:
    forge.misbehave(rules=[{"kind": "403_primary", "path": ".*/labels$", "retry_after": 5}])
    answer = forge.session().get(f"{forge.repo}/labels")
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert 0 <= int(answer.headers["X-RateLimit-Reset"]) - time.time() <= 6


@pytest.mark.parametrize("kind", ["drop", "commit_then_drop"])
def test_a_dropped_connection_gives_no_answer(forge: Running, kind: str) -> None:
    forge.misbehave(rules=[{"kind": kind, "method": "POST", "path": ".*/issues$", "times": 1}])
    with pytest.raises(requests.ConnectionError):
        forge.session().post(f"{forge.repo}/issues", json={"title": "a"})
    assert len(forge.session().get(f"{forge.repo}/issues").json()) == (1 if kind == "commit_then_drop" else 0)


def test_a_timeout_holds_the_client_until_it_gives_up(forge: Running) -> None:
    forge.misbehave(rules=[{"kind": "timeout", "path": ".*/labels$", "times": 1}])
    with pytest.raises(requests.ReadTimeout):
        forge.session().get(f"{forge.repo}/labels", timeout=0.2)
    assert forge.session().get(f"{forge.repo}/labels").status_code == 200


def test_a_rule_can_spare_the_first_and_pick_the_account(forge: Running) -> None:
    forge.misbehave(rules=[{"kind": "fail_502", "path": ".*/labels$", "skip": 1, "times": 1, "login": "alice"}])
    assert forge.session(FLEET).get(f"{forge.repo}/labels").status_code == 200
    alice = forge.session(OPERATOR)
    assert [alice.get(f"{forge.repo}/labels").status_code for _ in range(3)] == [200, 502, 200]


def test_new_things_stay_hidden_from_lists_for_a_while(forge: Running) -> None:
    fleet = forge.session()
    fleet.post(f"{forge.repo}/issues", json={"title": "a"})
    forge.misbehave(hide_new_for_s=30)
    fleet.post(f"{forge.repo}/issues/1/comments", json={"body": "b"})
    assert fleet.get(f"{forge.repo}/issues").json() == []
    assert comments(forge) == []
    assert fleet.get(f"{forge.repo}/issues/1").json()["comments"] == 1
    forge.misbehave()
    assert comments(forge) == ["b"]


def test_what_was_hidden_is_not_held_back_by_an_etag_afterwards(forge: Running) -> None:
    fleet = forge.session()
    fleet.post(f"{forge.repo}/issues", json={"title": "a"})
    forge.misbehave(hide_new_for_s=30)
    etag = fleet.get(f"{forge.repo}/issues").headers["ETag"]
    forge.misbehave()
    assert fleet.get(f"{forge.repo}/issues", headers={"If-None-Match": etag}).status_code == 200


def test_latency_delays_every_answer(forge: Running) -> None:
    forge.misbehave(latency_ms=120)
    start = time.monotonic()
    forge.session().get(f"{forge.repo}/labels")
    assert time.monotonic() - start >= 0.12


def test_down_is_either_silence_or_a_503_and_the_switch_stays_reachable(forge: Running) -> None:
    forge.misbehave(down="503")
    assert forge.session().get(f"{forge.repo}/labels").status_code == 503
    forge.misbehave(down=True)
    with pytest.raises(requests.ConnectionError):
        forge.session().get(f"{forge.repo}/labels")
    forge.misbehave(down=False)
    assert forge.session().get(f"{forge.repo}/labels").status_code == 200


def test_the_switch_needs_an_admins_token_and_sound_fields(forge: Running) -> None:
    nobody = forge.session(None)
    url = f"{forge.url}/_forge/misbehave"
    assert nobody.put(url, json={}).status_code == 403
    assert nobody.put(url, json={}, headers={"X-Forge-Admin": OPERATOR}).status_code == 403
    wrong = nobody.put(url, json={"rules": [{"kind": "explode"}]}, headers={"X-Forge-Admin": FLEET})
    assert wrong.status_code == 422


def test_the_log_tells_who_asked_what_and_can_be_emptied(forge: Running) -> None:
    forge.session(OPERATOR).get(f"{forge.repo}/labels?per_page=1", headers={"User-Agent": "scout"})
    row = forge.log()[-1]
    assert (row["method"], row["path"], row["query"]) == ("GET", f"/repos/{REPO}/labels", "per_page=1")
    assert (row["status"], row["login"], row["user_agent"]) == (200, "alice", "scout")
    admin = {"X-Forge-Admin": FLEET}
    stats = forge.session(None).get(f"{forge.url}/_forge/stats", headers=admin).json()
    assert stats["by_method"] == {"GET": {"200": 1}}
    forge.session(None).delete(f"{forge.url}/_forge/log", headers=admin)
    assert forge.log() == []
