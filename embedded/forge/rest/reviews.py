"""Reviews of pull requests and requests for them."""

from typing import Any

from embedded.forge.accounts import Role
from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import Refused, forbidden, invalid, not_found, unprocessable
from embedded.forge.rest.pulls import the_pull
from embedded.forge.rest.router import Route, repo
from embedded.forge.rest.shapes import basic
from embedded.forge.rest.shapes import pulls as shapes
from embedded.forge.rows import Review

STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED", "": "PENDING"}


def list_reviews(call: Call) -> Answer:
    """Oldest first."""
    pull, _ = the_pull(call)
    return call.sliced(call.store.pulls.reviews(pull.number), lambda row: shapes.review(call.store, call.urls, row))


def create_review(call: Call) -> Answer:
    """Answered with 200. One's own pull request can be commented, not approved. Comments on lines are not kept."""
    pull, issue = the_pull(call)
    author = call.login
    event = call.data().get("event") or ""
    if event not in STATES:
        raise invalid("PullRequestReview", "event")
    body = call.optional_text("PullRequestReview", "body") or ""
    if author.lower() == issue.author.lower() and event in {"APPROVE", "REQUEST_CHANGES"}:
        what = "approve" if event == "APPROVE" else "request changes on"
        raise Refused(422, "Unprocessable Entity", [f"Can not {what} your own pull request"])
    if call.data().get("comments"):
        raise unprocessable("Comments on lines are not supported by this forge; put them into the body.")
    if event in {"COMMENT", "REQUEST_CHANGES"} and not body.strip():
        raise invalid("PullRequestReview", "body", "missing_field")
    commit = call.optional_text("PullRequestReview", "commit_id") or pull.head_sha
    row = call.store.pulls.review(pull.number, author, STATES[event], body, commit)
    answer = shapes.review(call.store, call.urls, row)
    _tell(call, "submitted", answer)
    return Answer(200, answer)


def get_review(call: Call) -> Answer:
    return Answer(200, shapes.review(call.store, call.urls, _review(call)))


def dismiss_review(call: Call) -> Answer:
    call.need(Role.WRITE)
    row = _review(call)
    if row.state not in {"APPROVED", "CHANGES_REQUESTED"}:
        raise unprocessable("Can not dismiss a commented pull request review")
    message = call.text("PullRequestReview", "message")
    answer = shapes.review(call.store, call.urls, call.store.pulls.dismiss(row, call.login, message))
    _tell(call, "dismissed", answer)
    return Answer(200, answer)


def _tell(call: Call, action: str, review: dict[str, Any]) -> None:
    pull, issue = the_pull(call)
    body = shapes.simple(call.store, call.git, call.urls, pull, issue)
    call.emit("pull_request_review", {"action": action, "review": review, "pull_request": body})


def _review(call: Call) -> Review:
    pull, _ = the_pull(call)
    key = call.number("review_id")
    row = next((one for one in call.store.pulls.reviews(pull.number) if one.id == key), None)
    if row is None:
        raise not_found()
    return row


def list_requested(call: Call) -> Answer:
    pull, _ = the_pull(call)
    users = [basic.user(call.store, call.urls, login) for login in call.store.pulls.requested(pull.number)]
    return Answer(200, {"users": users, "teams": []})


def request(call: Call) -> Answer:
    return _request(call, on=True)


def unrequest(call: Call) -> Answer:
    return _request(call, on=False)


def _request(call: Call, *, on: bool) -> Answer:
    call.need(Role.WRITE)
    pull, issue = the_pull(call)
    logins = call.data().get("reviewers") or []
    if not isinstance(logins, list) or not all(isinstance(login, str) for login in logins):
        raise invalid("PullRequest", "reviewers")
    for login in logins:
        if call.store.users.role(login) < Role.TRIAGE:
            raise unprocessable(
                "Reviews may only be requested from collaborators. One or more of the users is not one."
            )
        if on and login.lower() == issue.author.lower():
            raise unprocessable("Review cannot be requested from pull request author.")
    call.store.pulls.request_reviews(pull.number, call.login, logins, on=on)
    body = shapes.simple(call.store, call.git, call.urls, pull, issue)
    return Answer(201 if on else 200, body)


def list_comments(call: Call) -> Answer:
    """Comments on lines: there are none here, because creating them is refused."""
    the_pull(call)
    return Answer(200, [])


def no_line_comments(call: Call) -> Answer:
    the_pull(call)
    raise forbidden("Comments on lines are not supported by this forge.")


ROUTES: tuple[Route, ...] = (
    repo("GET", "/pulls/{number}/reviews", list_reviews),
    repo("POST", "/pulls/{number}/reviews", create_review),
    repo("GET", "/pulls/{number}/reviews/{review_id}", get_review),
    repo("PUT", "/pulls/{number}/reviews/{review_id}/dismissals", dismiss_review),
    repo("GET", "/pulls/{number}/requested_reviewers", list_requested),
    repo("POST", "/pulls/{number}/requested_reviewers", request),
    repo("DELETE", "/pulls/{number}/requested_reviewers", unrequest),
    repo("GET", "/pulls/{number}/comments", list_comments),
    repo("POST", "/pulls/{number}/comments", no_line_comments),
)
