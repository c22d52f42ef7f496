"""Search over issues and pull requests (a small part of GitHub's language), and the limits."""

import shlex

from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import invalid
from embedded.forge.rest.router import Route
from embedded.forge.rest.shapes import issues as shapes
from embedded.forge.tables.issues import IssueQuery


def search_issues(call: Call) -> Answer:
    """repo: is: state: type: label: author: assignee: in:title, and words that must all occur.

    Unlike GitHub's index this one never lags; use `hide_new_for_s` of the misbehaviour switch for that.
    """
    text = call.query.get("q", "")
    if not text.strip():
        raise invalid("Search", "q", "missing")
    query = _understood(call, text)
    page = call.page()
    rows, total = call.store.issues.find(query, page.size, page.offset) if query else ([], 0)
    items = [body | {"score": 1.0} for body in shapes.issues(call.store, call.urls, rows)]
    body = {"total_count": total, "incomplete_results": False, "items": items, "search_type": "lexical"}
    return Answer(200, body, call.link(total))


def _understood(call: Call, text: str) -> IssueQuery | None:
    """The query; None when it asks for another repository."""
    state, pulls, title_only = "all", None, False
    labels: list[str] = []
    words: list[str] = []
    people: dict[str, str] = {}
    try:
        pieces = shlex.split(text)
    except ValueError:
        raise invalid("Search", "q") from None
    for piece in pieces:
        name, colon, value = piece.partition(":")
        if not colon or not value:
            words.append(piece)
        elif name == "repo" and value.lower() != call.store.repo.lower():
            return None
        elif (name, value) in {("is", "open"), ("is", "closed"), ("state", "open"), ("state", "closed")}:
            state = value
        elif name in {"is", "type"} and value in {"issue", "pr", "pull-request"}:
            pulls = value != "issue"
        elif name == "label":
            labels.append(value)
        elif name in {"author", "assignee"}:
            people[name] = value
        elif name == "in":
            title_only = value == "title"
        elif name not in {"repo", "is", "archived", "sort"}:
            words.append(piece)
    return IssueQuery(
        state=state,
        labels=tuple(labels),
        creator=people.get("author"),
        assignee=people.get("assignee"),
        sort=call.query.get("sort", "created"),
        descending=call.query.get("order", "desc") != "asc",
        pulls=pulls,
        text=tuple(words),
        in_title_only=title_only,
        born_before=call.hidden_after,
    )


def rate_limit(call: Call) -> Answer:
    """Free of charge. All resources share the one quota here."""
    shape = dict(call.quota)
    return Answer(200, {"resources": {"core": shape, "search": shape, "graphql": shape}, "rate": shape})


ROUTES: tuple[Route, ...] = (
    Route("GET", "/search/issues", search_issues),
    Route("GET", "/rate_limit", rate_limit, live=True),
)
