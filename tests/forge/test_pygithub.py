"""PyGithub drives the forge as it drives github.com."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from github import Github, GithubException, InputGitAuthor, InputGitTreeElement, UnknownObjectException
from github.Repository import Repository

from tests.forge.conftest import APP, FLEET, OPERATOR, OUTSIDER, REPO, Running, paths

Clients = Callable[[str], Github]


def test_an_issue_lives_from_opening_to_closing(shop: Repository) -> None:
    issue = shop.create_issue("quote-service is down", body="It does not answer.", labels=["incident", "bug"])
    assert (issue.number, issue.state, issue.raw_data["user"]["login"]) == (1, "open", "sre-fleet")
    assert [label.name for label in issue.labels] == ["incident", "bug"]
    issue.edit(title="quote-service was down", body="It did not answer.")
    issue.edit(state="closed", state_reason="completed")
    read = shop.get_issue(1)
    assert (read.state, read.state_reason, read.title) == ("closed", "completed", "quote-service was down")
    assert read.raw_data["closed_by"]["login"] == "sre-fleet"
    read.edit(state="open")
    assert shop.get_issue(1).state_reason == "reopened"
    events = [event.event for event in issue.get_events()]
    assert events == ["labeled", "labeled", "renamed", "closed", "reopened"]


def test_comments_are_made_edited_listed_and_deleted(shop: Repository) -> None:
    issue = shop.create_issue("a")
    first, second = issue.create_comment("one"), issue.create_comment("zwei: ü €")
    assert second.id > first.id
    second.edit("two")
    assert [c.body for c in issue.get_comments()] == ["one", "two"]
    assert shop.get_issue(1).comments == 2
    first.delete()
    assert [c.body for c in issue.get_comments()] == ["two"]
    assert [c.body for c in shop.get_issues_comments(sort="updated", direction="desc")] == ["two"]
    with pytest.raises(UnknownObjectException):
        issue.get_comment(first.id)


def test_labels_go_on_and_off_one_by_one_whatever_their_name(shop: Repository) -> None:
    issue = shop.create_issue("a")
    issue.add_to_labels("kind/bug", "needs human", "ä")
    issue.remove_from_labels("kind/bug")
    assert sorted(label.name for label in issue.get_labels()) == ["needs human", "ä"]
    with pytest.raises(GithubException) as refused:
        issue.remove_from_labels("kind/bug")
    assert refused.value.status == 404
    assert refused.value.data["message"] == "Label does not exist"
    issue.set_labels("bug")
    assert [label.name for label in issue.get_labels()] == ["bug"]
    issue.delete_labels()
    assert list(issue.get_labels()) == []
    made = shop.create_label("kind/new", "ff0000", "A new kind")
    assert shop.get_label("kind/new").description == "A new kind"
    made.edit("kind/newer", "00ff00")
    assert "kind/newer" in [label.name for label in shop.get_labels()]
    shop.get_label("kind/newer").delete()


def test_issue_lists_filter_by_labels_state_and_time(shop: Repository) -> None:
    shop.create_issue("both", labels=["a", "b c"])
    shop.create_issue("one", labels=["a"])
    shop.create_issue("shut", labels=["a", "b c"]).edit(state="closed")
    assert [i.title for i in shop.get_issues(labels=["a", "b c"])] == ["both"]
    everything = shop.get_issues(state="all", labels=["a"], sort="created", direction="asc")
    assert [i.title for i in everything] == ["both", "one", "shut"]
    future = datetime.fromtimestamp(time.time() + 3600, UTC)
    assert list(shop.get_issues(since=future)) == []


def test_lists_are_followed_over_all_pages(shop: Repository, github: Clients) -> None:
    for number in range(7):
        shop.create_issue(f"issue {number}")
    small = github(OPERATOR)
    small.per_page = 3
    issues = small.get_repo(REPO).get_issues(direction="asc")
    assert [issue.number for issue in issues] == [1, 2, 3, 4, 5, 6, 7]
    assert issues.totalCount == 7


def test_reactions_assignees_and_locks(shop: Repository) -> None:
    issue = shop.create_issue("a", assignees=["alice", "nobody"])
    assert [user.login for user in issue.assignees] == ["alice"]
    issue.add_to_assignees("tom")
    issue.remove_from_assignees("alice")
    assert [user.login for user in shop.get_issue(1).assignees] == ["tom"]
    comment = issue.create_comment("b")
    assert issue.create_reaction("rocket").content == "rocket"
    reaction = comment.create_reaction("+1")
    assert comment.create_reaction("+1").id == reaction.id
    assert shop.get_issue(1).reactions["rocket"] == 1
    comment.delete_reaction(reaction.id)
    assert list(comment.get_reactions()) == []
    issue.lock("resolved")
    issue.unlock()
    assert [entry.event for entry in issue.get_timeline()][-2:] == ["locked", "unlocked"]


def test_permission_is_told_to_those_with_push_access_only(shop: Repository, github: Clients) -> None:
    assert shop.get_collaborator_permission("mallory") == "read"
    assert shop.get_collaborator_permission("tom") == "read"
    assert shop.get_collaborator_role_name("tom") == "triage"
    assert shop.has_in_collaborators("alice")
    assert not shop.has_in_collaborators("mallory")
    with pytest.raises(GithubException) as refused:
        github(OUTSIDER).get_repo(REPO).get_collaborator_permission("alice")
    assert refused.value.status == 403
    assert refused.value.data["message"] == "Must have push access to view collaborator permission."


def test_references_are_created_once_moved_forward_and_deleted(shop: Repository) -> None:
    head = shop.get_branch("main").commit.sha
    shop.create_git_ref("refs/heads/claim/1", head)
    with pytest.raises(GithubException) as refused:
        shop.create_git_ref("refs/heads/claim/1", head)
    assert (refused.value.status, refused.value.data["message"]) == (422, "Reference already exists")
    assert [ref.ref for ref in shop.get_git_matching_refs("heads/claim/")] == ["refs/heads/claim/1"]
    commit = shop.create_git_commit("lease", shop.get_git_tree(head), [shop.get_git_commit(head)])
    ref = shop.get_git_ref("heads/claim/1")
    ref.edit(commit.sha)
    with pytest.raises(GithubException) as refused:
        shop.get_git_ref("heads/claim/1").edit(head)
    assert refused.value.data["message"] == "Update is not a fast forward"
    ref.delete()
    assert list(shop.get_git_matching_refs("heads/claim/")) == []


def test_files_are_written_guarded_by_their_blob(shop: Repository) -> None:
    made = shop.create_file("deploy/a dir/policy.yaml", "Add policy", "freeze: no\n", branch="main")
    content = shop.get_contents("deploy/a dir/policy.yaml", ref="main")
    assert not isinstance(content, list)
    assert content.decoded_content == b"freeze: no\n"
    shop.update_file(content.path, "Freeze", "freeze: yes\n", content.sha)
    with pytest.raises(GithubException) as refused:
        shop.update_file(content.path, "Freeze again", "freeze: maybe\n", content.sha)
    assert refused.value.status == 409
    changed = shop.get_contents(content.path)
    assert not isinstance(changed, list)
    shop.delete_file(changed.path, "Remove policy", changed.sha)
    with pytest.raises(UnknownObjectException):
        shop.get_contents(content.path)
    assert [c.commit.message for c in shop.get_commits(path="deploy")] == ["Remove policy", "Freeze", "Add policy"]
    assert made["commit"].raw_data["author"]["name"] == "sre-fleet"


def test_trees_commits_and_tags_are_built_from_objects(shop: Repository) -> None:
    head = shop.get_branch("main").commit
    blob = shop.create_git_blob("aGVsbG8=", "base64")
    assert shop.get_git_blob(blob.sha).size == 5
    entries = [
        InputGitTreeElement("bin/run", "100755", "blob", sha=blob.sha),
        InputGitTreeElement("notes.txt", "100644", "blob", content="a\n"),
    ]
    tree = shop.create_git_tree(entries, shop.get_git_tree(head.sha))
    who = InputGitAuthor("Ada", "ada@example.org", "2026-01-02T03:04:05+02:00")
    commit = shop.create_git_commit("Build", tree, [shop.get_git_commit(head.sha)], author=who)
    assert commit.author.date == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
    shop.get_git_ref("heads/main").edit(commit.sha)
    paths = {entry.path for entry in shop.get_git_tree("main", recursive=True).tree}
    assert paths == {"README.md", "bin", "bin/run", "notes.txt"}
    tag = shop.create_git_tag("v1", "First", commit.sha, "commit")
    shop.create_git_ref("refs/tags/v1", tag.sha)
    assert shop.get_git_tag(tag.sha).message == "First"
    assert [(t.name, t.commit.sha) for t in shop.get_tags()] == [("v1", commit.sha)]
    detail = shop.get_commit(commit.sha)
    assert [(f.filename, f.status, f.additions) for f in detail.files] == [
        ("bin/run", "added", 1),
        ("notes.txt", "added", 1),
    ]


def test_a_pull_request_is_reviewed_and_merged_only_at_the_reviewed_head(shop: Repository, github: Clients) -> None:
    issue = shop.create_issue("policy is wrong")
    head = shop.get_branch("main").commit.sha
    shop.create_git_ref("refs/heads/fix/1", head)
    shop.create_file("a.txt", "Add a", "one\ntwo\n", branch="fix/1")
    pull = shop.create_pull(base="main", head="fix/1", title="Fix it", body=f"Fixes #{issue.number}")
    assert pull.mergeable is None
    assert [(f.filename, f.additions) for f in pull.get_files()] == [("a.txt", 2)]
    assert [c.commit.message for c in pull.get_commits()] == ["Add a"]
    reviewed = pull.head.sha
    pull.create_review_request(reviewers=["alice"])
    theirs = github(OPERATOR).get_repo(REPO).get_pull(pull.number)
    theirs.create_review(body="Good", event="APPROVE")
    assert [(r.user.login, r.state) for r in pull.get_reviews()] == [("alice", "APPROVED")]
    with pytest.raises(GithubException):
        pull.create_review(body="Mine", event="APPROVE")
    shop.create_file("b.txt", "Sneak in b", "x\n", branch="fix/1")
    with pytest.raises(GithubException) as refused:
        pull.merge(sha=reviewed)
    assert refused.value.status == 409
    now = shop.get_pull(pull.number)
    assert now.head.sha != reviewed
    assert now.mergeable is True
    assert now.merge(sha=now.head.sha, merge_method="squash").merged
    assert shop.get_pull(pull.number).raw_data["merged_by"]["login"] == "sre-fleet"
    assert paths(shop) == {"README.md", "a.txt", "b.txt"}
    assert shop.get_issue(issue.number).state == "closed"
    assert [e.event for e in shop.get_issue(pull.number).get_events()] == ["review_requested", "merged", "closed"]


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_every_merge_method_leaves_the_same_files(shop: Repository, method: str) -> None:
    head = shop.get_branch("main").commit.sha
    shop.create_git_ref("refs/heads/side", head)
    shop.create_file("side.txt", "Add side", "1\n", branch="side")
    shop.create_file("main.txt", "Add main", "1\n", branch="main")
    shop.create_file("side2.txt", "Add side2", "1\n", branch="side")
    pull = shop.create_pull(base="main", head="side", title="Side")
    assert pull.merge(merge_method=method).merged
    files = paths(shop)
    assert files == {"README.md", "side.txt", "side2.txt", "main.txt"}
    parents = {"merge": 2, "squash": 1, "rebase": 1}
    assert len(shop.get_branch("main").commit.parents) == parents[method]


def test_conflicting_changes_are_not_mergeable(shop: Repository) -> None:
    head = shop.get_branch("main").commit.sha
    shop.create_git_ref("refs/heads/side", head)
    shop.create_file("x.txt", "Side", "side\n", branch="side")
    shop.create_file("x.txt", "Main", "main\n", branch="main")
    shop.create_pull(base="main", head="side", title="Side")
    pull = shop.get_pull(1)
    assert (pull.mergeable, pull.mergeable_state) == (False, "dirty")
    with pytest.raises(GithubException) as refused:
        pull.merge()
    assert refused.value.status == 405


def test_comparison_tells_ahead_behind_and_files(shop: Repository) -> None:
    head = shop.get_branch("main").commit.sha
    shop.create_git_ref("refs/heads/side", head)
    shop.create_file("s.txt", "Side", "side\n", branch="side")
    assert shop.compare("main", "side").status == "ahead"
    shop.create_file("m.txt", "Main", "main\n", branch="main")
    both = shop.compare("main", "side")
    assert (both.status, both.ahead_by, both.behind_by) == ("diverged", 1, 1)
    assert [f.filename for f in both.files] == ["s.txt"]
    assert shop.compare("main", "main").status == "identical"


def test_statuses_combine_to_the_worst_of_the_newest(shop: Repository) -> None:
    commit = shop.get_commit("main")
    assert commit.get_combined_status().state == "pending"
    commit.create_status("pending", context="ci/a")
    commit.create_status("success", "https://example.org/1", "Good", "ci/a")
    assert commit.get_combined_status().state == "success"
    commit.create_status("error", context="ci/b")
    combined = commit.get_combined_status()
    assert (combined.state, combined.total_count) == ("failure", 2)
    assert [s.state for s in commit.get_statuses()] == ["error", "success", "pending"]


def test_only_an_app_creates_check_runs(shop: Repository, github: Clients) -> None:
    sha = shop.get_branch("main").commit.sha
    with pytest.raises(GithubException) as refused:
        shop.create_check_run("proof", sha)
    assert refused.value.status == 403
    app = github(APP).get_repo(REPO)
    run = app.create_check_run("proof", sha, status="in_progress", output={"title": "Red", "summary": "It fails"})
    run.edit(conclusion="success", output={"title": "Green", "summary": "It passes"})
    seen = list(shop.get_commit(sha).get_check_runs())
    assert [(r.name, r.status, r.conclusion, r.output.title) for r in seen] == [
        ("proof", "completed", "success", "Green")
    ]


def test_dispatches_are_noted(shop: Repository, forge: Running) -> None:
    assert shop.create_repository_dispatch("deploy", {"service": "quote"})
    shop.create_file(".github/workflows/ci.yml", "Add CI", "on: workflow_dispatch\n")
    status, _, _ = shop.requester.requestJson(
        "POST", f"/repos/{REPO}/actions/workflows/ci.yml/dispatches", input={"ref": "main", "inputs": {"a": "b"}}
    )
    assert status == 204
    noted = [(d.kind, d.name, dict(d.payload)) for d in forge.world.store.hooks.dispatches()]
    assert noted == [("repository", "deploy", {"service": "quote"}), ("workflow", "ci.yml", {"a": "b"})]


def test_search_finds_by_label_state_and_words(github: Clients, shop: Repository) -> None:
    shop.create_issue("policy-service oom", labels=["incident"])
    shop.create_issue("quote-service crash", labels=["incident"]).edit(state="closed")
    found = github(FLEET).search_issues(f'repo:{REPO} is:issue is:open label:"incident" oom')
    assert [issue.title for issue in found] == ["policy-service oom"]
