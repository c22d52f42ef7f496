"""The adapter against the embedded forge: who changed a body to what, and pinning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from shared.adapters.github.graphql import GitHubGraphQL
from shared.ports import Permanent
from tests.adapters.github_world import ForgeProcess


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgeProcess]:
    running = ForgeProcess(tmp_path_factory.mktemp("forge"))
    yield running
    running.stop()


def graphql(forge: ForgeProcess, login: str, folder: Path) -> GitHubGraphQL:
    client = forge.connect(login, folder)
    return GitHubGraphQL(client.wire, client.budget)


def opened(forge: ForgeProcess, body: str, login: str = "fleet-bot") -> int:
    return int(forge.call("POST", "/issues", {"title": "t", "body": body}, login)["number"])


def test_each_edit_names_who_made_it_and_holds_the_whole_body(forge: ForgeProcess, tmp_path: Path) -> None:
    number = opened(forge, "first")
    told = graphql(forge, "fleet-bot", tmp_path)
    assert told.edits(number) == ()
    forge.call("PATCH", f"/issues/{number}", {"body": "second"}, "operator")
    forge.call("PATCH", f"/issues/{number}", {"body": "second"}, "operator")
    forge.call("PATCH", f"/issues/{number}", {"title": "another", "body": "third"}, "fleet-bot")
    edits = told.edits(number)
    assert [(e.login, e.body) for e in edits] == [
        ("fleet-bot", "first"),
        ("operator", "second"),
        ("fleet-bot", "third"),
    ], "the oldest first; what changes nothing is no edit"
    assert len({e.id for e in edits}) == 3
    assert all(e.at.tzinfo is not None for e in edits)


def test_an_issue_that_is_not_there_is_refused(forge: ForgeProcess, tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="Could not resolve"):
        graphql(forge, "fleet-bot", tmp_path).edits(99_999)


def test_three_issues_are_pinned_and_no_fourth_and_only_by_who_may_write(forge: ForgeProcess, tmp_path: Path) -> None:
    numbers = [opened(forge, "x") for _ in range(4)]
    with pytest.raises(Permanent, match="permission"):
        graphql(forge, "outsider", tmp_path).pin(numbers[0])
    ours = graphql(forge, "fleet-bot", tmp_path)
    for number in numbers[:3]:
        ours.pin(number)
        ours.pin(number)
    with pytest.raises(Permanent, match="Maximum 3"):
        ours.pin(numbers[3])


def test_the_forge_has_it_where_github_and_github_enterprise_have_it(forge: ForgeProcess) -> None:
    ask = {"query": "{ viewer { login } }"}
    headers = {"Authorization": "token token-operator"}
    for path in ("/api/graphql", "/graphql"):
        answer = requests.post(forge.url + path, json=ask, headers=headers, timeout=5)
        assert answer.json() == {"data": {"viewer": {"login": "operator"}}}
    assert requests.post(forge.url + "/api/graphql", json=ask, timeout=5).status_code == 401
    wrong = requests.post(forge.url + "/api/graphql", json={"query": "{ nothing }"}, headers=headers, timeout=5)
    assert (wrong.status_code, wrong.json()["errors"][0]["message"]) == (
        200,
        "Cannot query field 'nothing' on type 'Query'.",
    )
