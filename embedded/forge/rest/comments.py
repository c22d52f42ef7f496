"""Comments on issues and pull requests."""

from typing import Any

from embedded.forge.accounts import Role
from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import forbidden, not_found
from embedded.forge.rest.router import Route, repo
from embedded.forge.rest.shapes import issues as shapes
from embedded.forge.rows import Comment
from embedded.forge.tables.comments import CommentQuery


def list_for_issue(call: Call) -> Answer:
    """Oldest first, always."""
    return _list(call, CommentQuery(number=call.issue().number, since=call.since(), born_before=call.hidden_after))


def list_all(call: Call) -> Answer:
    """Of every issue; by id, unless sorted by created or updated."""
    sort = call.query.get("sort", "id")
    descending = sort != "id" and call.query.get("direction", "desc") == "desc"
    since = call.since()
    return _list(call, CommentQuery(None, since, sort, descending, born_before=call.hidden_after))


def _list(call: Call, query: CommentQuery) -> Answer:
    page = call.page()
    found, total = call.store.comments.find(query, page.size, page.offset)
    return call.listed(shapes.comments(call.store, call.urls, found), total)


def create(call: Call) -> Answer:
    issue = call.issue()
    author = call.login
    if issue.locked and call.role < Role.WRITE:
        raise forbidden("Unable to create comment because issue is locked.")
    comment = call.store.comments.create(issue.number, call.text("IssueComment", "body"), author)
    body = _told(call, comment, "created")
    return Answer(201, body, {"Location": body["url"]})


def get(call: Call) -> Answer:
    return Answer(200, shapes.comment(call.store, call.urls, _comment(call)))


def edit(call: Call) -> Answer:
    comment = _own(call)
    before = comment.body
    comment = call.store.comments.edit(comment, call.text("IssueComment", "body"))
    return Answer(200, _told(call, comment, "edited", changes={"body": {"from": before}}))


def delete(call: Call) -> Answer:
    comment = _own(call)
    _told(call, comment, "deleted")
    call.store.comments.delete(comment)
    return Answer(204)


def _comment(call: Call) -> Comment:
    comment = call.store.comments.get(call.number("comment_id"))
    if comment is None:
        raise not_found()
    return comment


def _own(call: Call) -> Comment:
    """The comment, for its author or somebody with write."""
    comment = _comment(call)
    if call.login.lower() != comment.author.lower():
        call.need(Role.WRITE)
    return comment


def _told(call: Call, comment: Comment, action: str, **more: Any) -> dict[str, Any]:
    body = shapes.comment(call.store, call.urls, comment)
    issue = call.store.issues.get(comment.number)
    if issue is not None:
        about = {"action": action, "issue": shapes.issue(call.store, call.urls, issue), "comment": body}
        call.emit("issue_comment", about | more)
    return body


ROUTES: tuple[Route, ...] = (
    repo("GET", "/issues/comments", list_all),
    repo("GET", "/issues/comments/{comment_id}", get),
    repo("PATCH", "/issues/comments/{comment_id}", edit),
    repo("DELETE", "/issues/comments/{comment_id}", delete),
    repo("GET", "/issues/{number}/comments", list_for_issue),
    repo("POST", "/issues/{number}/comments", create),
)
