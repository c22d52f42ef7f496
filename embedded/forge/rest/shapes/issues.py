"""Issues, comments and events, as GitHub writes them."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from embedded.forge.rest.shapes import basic
from embedded.forge.rest.urls import Urls
from embedded.forge.rows import Comment, Event, Issue
from embedded.forge.store import Store


def issues(store: Store, urls: Urls, rows: Sequence[Issue]) -> list[dict[str, Any]]:
    """A list of issue objects; users and reactions are looked up once for all of them."""
    counts = store.reactions.counts("issue", [row.number for row in rows])

    @cache
    def person(login: str) -> dict[str, Any]:
        return basic.user(store, urls, login)

    return [_issue(store, urls, row, counts.get(row.number, {}), person) for row in rows]


def issue(store: Store, urls: Urls, row: Issue) -> dict[str, Any]:
    """One issue, with who closed it."""
    closed_by = basic.user(store, urls, row.closed_by) if row.closed_by else None
    return issues(store, urls, [row])[0] | {"closed_by": closed_by}


def _issue(store: Store, urls: Urls, row: Issue, counts: dict[str, int], person: Any) -> dict[str, Any]:
    at = urls.issue(row.number)
    assignees = [person(login) for login in row.assignees]
    body: dict[str, Any] = {
        "url": at,
        "repository_url": urls.repo_api,
        "labels_url": f"{at}/labels{{/name}}",
        "comments_url": f"{at}/comments",
        "events_url": f"{at}/events",
        "html_url": urls.issue_html(row.number, pull=row.is_pull),
        "id": row.id,
        "node_id": basic.node_id("PullRequest" if row.is_pull else "Issue", row.id),
        "number": row.number,
        "title": row.title,
        "user": person(row.author),
        "labels": [basic.label(urls, one) for one in row.labels],
        "state": row.state,
        "locked": row.locked,
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "milestone": None,
        "comments": row.comments,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "closed_at": row.closed_at,
        "author_association": basic.association(store, row.author),
        "active_lock_reason": row.lock_reason,
        "body": row.body,
        "reactions": basic.rollup(at, counts),
        "timeline_url": f"{at}/timeline",
        "performed_via_github_app": None,
        "state_reason": row.state_reason,
    }
    if row.is_pull:
        pull = store.pulls.get(row.number)
        page = body["html_url"]
        body["draft"] = bool(pull and pull.draft)
        body["pull_request"] = {
            "url": f"{urls.repo_api}/pulls/{row.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": pull.merged_at if pull else None,
        }
    return body


def comments(store: Store, urls: Urls, rows: Sequence[Comment]) -> list[dict[str, Any]]:
    """A list of comment objects."""
    counts = store.reactions.counts("comment", [row.id for row in rows])

    @cache
    def person(login: str) -> dict[str, Any]:
        return basic.user(store, urls, login)

    found = []
    for row in rows:
        at = f"{urls.repo_api}/issues/comments/{row.id}"
        found.append(
            {
                "url": at,
                "html_url": f"{urls.issue_html(row.number)}#issuecomment-{row.id}",
                "issue_url": urls.issue(row.number),
                "id": row.id,
                "node_id": basic.node_id("IssueComment", row.id),
                "user": person(row.author),
                "created_at": row.created_at,
                "updated_at": row.updated_at,
                "author_association": basic.association(store, row.author),
                "body": row.body,
                "reactions": basic.rollup(at, counts.get(row.id, {})),
                "performed_via_github_app": None,
            }
        )
    return found


def comment(store: Store, urls: Urls, row: Comment) -> dict[str, Any]:
    return comments(store, urls, [row])[0]


def event(store: Store, urls: Urls, row: Event) -> dict[str, Any]:
    """An issue event, with what its kind adds."""
    body: dict[str, Any] = {
        "id": row.id,
        "node_id": basic.node_id("IssueEvent", row.id),
        "url": f"{urls.repo_api}/issues/events/{row.id}",
        "actor": basic.user(store, urls, row.actor),
        "event": row.event,
        "commit_id": row.commit_id,
        "commit_url": f"{urls.repo_api}/commits/{row.commit_id}" if row.commit_id else None,
        "created_at": row.created_at,
        "performed_via_github_app": None,
    }
    for name, value in row.detail.items():
        who = name in {"assignee", "assigner", "requested_reviewer", "review_requester"}
        body[name] = basic.user(store, urls, value) if who else value
    return body


def timeline_comment(store: Store, urls: Urls, row: Comment) -> dict[str, Any]:
    """A comment as an entry of the timeline."""
    body = comment(store, urls, row)
    return body | {"event": "commented", "actor": body["user"]}
