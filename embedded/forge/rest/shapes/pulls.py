"""Pull requests and reviews, as GitHub writes them."""

from typing import Any

from embedded.forge.accounts import Role
from embedded.forge.git.history import History
from embedded.forge.git.merge import Conflict, Merger
from embedded.forge.git.repository import Repository
from embedded.forge.rest.shapes import basic, issues
from embedded.forge.rest.urls import Urls
from embedded.forge.rows import Issue, Pull, Review
from embedded.forge.store import Store

_SHARED = (
    "id",
    "node_id",
    "html_url",
    "number",
    "state",
    "locked",
    "title",
    "user",
    "body",
    "labels",
    "milestone",
    "active_lock_reason",
    "created_at",
    "updated_at",
    "closed_at",
    "assignee",
    "assignees",
    "author_association",
)


def simple(store: Store, git: Repository, urls: Urls, pull: Pull, row: Issue) -> dict[str, Any]:
    """A pull-request-simple, as lists show it."""
    about = issues.issues(store, urls, [row])[0]
    at, page = f"{urls.repo_api}/pulls/{row.number}", about["html_url"]
    repository = basic.repository(store, urls, Role.READ, git.default_branch)
    repository.pop("permissions")
    owner = basic.user(store, urls, store.owner)
    links = {
        "self": at,
        "html": page,
        "issue": about["url"],
        "comments": f"{about['url']}/comments",
        "review_comments": f"{at}/comments",
        "review_comment": f"{urls.repo_api}/pulls/comments{{/number}}",
        "commits": f"{at}/commits",
        "statuses": f"{urls.repo_api}/statuses/{pull.head_sha}",
    }

    def end(ref: str, sha: str) -> dict[str, Any]:
        return {"label": f"{store.owner}:{ref}", "ref": ref, "sha": sha, "user": owner, "repo": repository}

    return {name: about[name] for name in _SHARED} | {
        "url": at,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": links["issue"],
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "merged_at": pull.merged_at,
        "merge_commit_sha": pull.merge_commit_sha,
        "requested_reviewers": [basic.user(store, urls, login) for login in store.pulls.requested(row.number)],
        "requested_teams": [],
        "head": end(pull.head_ref, pull.head_sha),
        "base": end(pull.base_ref, pull.base_sha),
        "_links": {name: {"href": href} for name, href in links.items()},
        "auto_merge": None,
        "draft": pull.draft,
    }


def full(store: Store, git: Repository, urls: Urls, pull: Pull, row: Issue, *, fresh: bool = False) -> dict[str, Any]:
    """A pull-request. A `fresh` one has `mergeable` null, because GitHub computes it in the background."""
    history = History(git)
    base = history.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
    files = history.diff(base, pull.head_sha)
    fits = None if fresh or row.state == "closed" else mergeable(git, pull)
    state = "unknown" if fits is None else "clean" if fits else "dirty"
    return simple(store, git, urls, pull, row) | {
        "merged": pull.merged_at is not None,
        "mergeable": fits,
        "rebaseable": fits,
        "mergeable_state": "draft" if fits and pull.draft else state,
        "merged_by": basic.user(store, urls, pull.merged_by) if pull.merged_by else None,
        "comments": row.comments,
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": history.count(pull.head_sha, f"^{base}"),
        "additions": sum(one.additions for one in files),
        "deletions": sum(one.deletions for one in files),
        "changed_files": len(files),
    }


def mergeable(git: Repository, pull: Pull) -> bool:
    """Whether the head merges into the base branch as it is now."""
    base = git.ref(f"refs/heads/{pull.base_ref}")
    if base is None:
        return False
    try:
        Merger(git).merged_tree(base.sha, pull.head_sha)
    except Conflict:
        return False
    return True


def review(store: Store, urls: Urls, row: Review) -> dict[str, Any]:
    page = f"{urls.issue_html(row.number, pull=True)}#pullrequestreview-{row.id}"
    pull = f"{urls.repo_api}/pulls/{row.number}"
    body: dict[str, Any] = {
        "id": row.id,
        "node_id": basic.node_id("PullRequestReview", row.id),
        "user": basic.user(store, urls, row.author),
        "body": row.body,
        "state": row.state,
        "html_url": page,
        "pull_request_url": pull,
        "author_association": basic.association(store, row.author),
        "_links": {"html": {"href": page}, "pull_request": {"href": pull}},
        "commit_id": row.commit_id,
    }
    if row.submitted_at is not None:
        body["submitted_at"] = row.submitted_at
    return body
