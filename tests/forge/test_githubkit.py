"""githubkit, whose models are generated from GitHub's API description, reads every answer without complaint."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.forge.conftest import FLEET, Running

githubkit = pytest.importorskip(
    "githubkit", reason="githubkit cannot be imported (it needs hishel<2)", exc_type=ImportError
)
Kit = Any
"""A githubkit client; its generated models are too large to type-check here."""
WHERE = ("acme", "shop")


@pytest.fixture
def kit(forge: Running) -> Iterator[Kit]:
    with githubkit.GitHub(githubkit.TokenAuthStrategy(FLEET), base_url=f"{forge.api}/", auto_retry=False) as client:
        yield client


def test_issues_comments_and_labels_are_parsed(kit: Kit) -> None:
    rest = kit.rest
    issues = rest.issues
    made = issues.create(*WHERE, title="a", body="b", labels=["bug"]).parsed_data
    assert made.number == 1
    comment = issues.create_comment(*WHERE, 1, body="c").parsed_data
    assert comment.body == "c"
    assert [label.name for label in issues.add_labels(*WHERE, 1, labels=["x y"]).parsed_data] == ["bug", "x y"]
    assert issues.update(*WHERE, 1, state="closed").parsed_data.state == "closed"
    pages = kit.rest.paginate(issues.list_for_repo, owner="acme", repo="shop", state="all", per_page=1)
    assert [one.number for one in pages] == [1]
    assert len(issues.list_events_for_repo(*WHERE).parsed_data) == 3
    assert len(issues.list_events_for_timeline(*WHERE, 1).parsed_data) == 4
    assert rest.users.get_authenticated().parsed_data.login == "sre-fleet"
    assert rest.repos.get_collaborator_permission_level(*WHERE, "alice").parsed_data.role_name == "write"
    assert rest.repos.get(*WHERE).parsed_data.full_name == "acme/shop"


def test_git_and_pull_requests_are_parsed(kit: Kit) -> None:
    rest = kit.rest
    head = rest.git.get_ref(*WHERE, "heads/main").parsed_data.object_.sha
    rest.git.create_ref(*WHERE, ref="refs/heads/side", sha=head)
    rest.repos.create_or_update_file_contents(*WHERE, "a.txt", message="Add a", content="YQ==", branch="side")
    pull = rest.pulls.create(*WHERE, title="Side", head="side", base="main").parsed_data
    assert rest.pulls.get(*WHERE, pull.number).parsed_data.mergeable is True
    assert [one.filename for one in rest.pulls.list_files(*WHERE, pull.number).parsed_data] == ["a.txt"]
    assert rest.repos.compare_commits(*WHERE, "main...side").parsed_data.ahead_by == 1
    rest.repos.create_commit_status(*WHERE, pull.head.sha, state="success", context="ci")
    assert rest.repos.get_combined_status_for_ref(*WHERE, pull.head.sha).parsed_data.state == "success"
    merged = rest.pulls.merge(*WHERE, pull.number, sha=pull.head.sha).parsed_data
    assert merged.merged
    assert rest.repos.get_commit(*WHERE, merged.sha).parsed_data.sha == merged.sha


def test_refusals_are_raised_with_githubs_message(kit: Kit) -> None:
    with pytest.raises(githubkit.exception.RequestFailed) as refused:
        kit.rest.issues.remove_label(*WHERE, 1, "bug")
    assert refused.value.response.status_code == 404
