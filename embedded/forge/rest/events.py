"""Issue events and the timeline."""

from typing import Any

from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import not_found
from embedded.forge.rest.router import Route, repo
from embedded.forge.rest.shapes import issues as shapes
from embedded.forge.tables.comments import CommentQuery


def of_repository(call: Call) -> Answer:
    """Newest first, each with its issue."""
    page = call.page()
    rows, total = call.store.events.newest(page.size, page.offset, born_before=call.hidden_after)
    found = [call.store.issues.get(number) for number in {row.number for row in rows}]
    issues = [issue for issue in found if issue]
    about = {body["number"]: body for body in shapes.issues(call.store, call.urls, issues)}
    bodies = [shapes.event(call.store, call.urls, row) | {"issue": about[row.number]} for row in rows]
    return call.listed(bodies, total)


def get(call: Call) -> Answer:
    row = call.store.events.get(call.number("event_id"))
    issue = call.store.issues.get(row.number) if row else None
    if row is None or issue is None:
        raise not_found()
    return Answer(200, shapes.event(call.store, call.urls, row) | {"issue": shapes.issue(call.store, call.urls, issue)})


def of_issue(call: Call) -> Answer:
    rows = call.store.events.of_issue(call.issue().number, born_before=call.hidden_after)
    return call.sliced(rows, lambda row: shapes.event(call.store, call.urls, row))


def timeline(call: Call) -> Answer:
    """Comments, reviews and events of an issue, in the order of time."""
    number = call.issue().number
    comments, _ = call.store.comments.find(CommentQuery(number, born_before=call.hidden_after))
    entries: list[tuple[str, int, dict[str, Any]]] = [
        (row.created_at, row.id, shapes.timeline_comment(call.store, call.urls, row)) for row in comments
    ]
    for row in call.store.events.of_issue(number, born_before=call.hidden_after):
        entries.append((row.created_at, row.id, shapes.event(call.store, call.urls, row)))
    entries.sort(key=lambda entry: entry[0])
    return call.sliced(entries, lambda entry: entry[2])


ROUTES: tuple[Route, ...] = (
    repo("GET", "/issues/events", of_repository),
    repo("GET", "/issues/events/{event_id}", get),
    repo("GET", "/issues/{number}/events", of_issue),
    repo("GET", "/issues/{number}/timeline", timeline),
)
