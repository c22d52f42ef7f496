"""Labels of the repository and on issues. Names may come raw (kind/bug) or quoted (kind%2Fbug)."""

import re
import sqlite3
from typing import Any

from embedded.forge.accounts import Role
from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import invalid, not_found
from embedded.forge.rest.issues import label_names, told
from embedded.forge.rest.router import Route, repo
from embedded.forge.rest.shapes import basic
from embedded.forge.rows import Label
from embedded.forge.tables.labels import DEFAULT_COLOR

COLOR = re.compile(r"[0-9a-fA-F]{6}")
MAX_NAME, MAX_DESCRIPTION = 50, 100


def list_labels(call: Call) -> Answer:
    return call.sliced(call.store.labels.all(), lambda row: basic.label(call.urls, row))


def create_label(call: Call) -> Answer:
    call.need(Role.WRITE)
    name = call.text("Label", "name", MAX_NAME)
    color = _color(call, DEFAULT_COLOR)
    description = call.optional_text("Label", "description", MAX_DESCRIPTION)
    try:
        row = call.store.labels.create(name, color, description)
    except sqlite3.IntegrityError:
        raise invalid("Label", "name", "already_exists") from None
    body = basic.label(call.urls, row)
    call.emit("label", {"action": "created", "label": body})
    return Answer(201, body, {"Location": body["url"]})


def get_label(call: Call) -> Answer:
    return Answer(200, basic.label(call.urls, _label(call)))


def edit_label(call: Call) -> Answer:
    call.need(Role.WRITE)
    row = _label(call)
    data = call.data()
    name = call.text("Label", "new_name", MAX_NAME) if data.get("new_name") else row.name
    described = call.optional_text("Label", "description", MAX_DESCRIPTION)
    description = described if "description" in data else row.description
    try:
        row = call.store.labels.edit(row, name=name, color=_color(call, row.color), description=description)
    except sqlite3.IntegrityError:
        raise invalid("Label", "name", "already_exists") from None
    body = basic.label(call.urls, row)
    call.emit("label", {"action": "edited", "label": body})
    return Answer(200, body)


def delete_label(call: Call) -> Answer:
    call.need(Role.WRITE)
    row = _label(call)
    call.store.labels.delete(row)
    call.emit("label", {"action": "deleted", "label": basic.label(call.urls, row)})
    return Answer(204)


def _label(call: Call) -> Label:
    row = call.store.labels.get(call.params["name"])
    if row is None:
        raise not_found()
    return row


def _color(call: Call, default: str) -> str:
    color = call.optional_text("Label", "color")
    if color is None:
        return default
    if not COLOR.fullmatch(color):
        raise invalid("Label", "color")
    return color.lower()


def list_on_issue(call: Call) -> Answer:
    return call.sliced(call.store.issues.labels_of(call.issue().number), lambda row: basic.label(call.urls, row))


def add_to_issue(call: Call) -> Answer:
    call.need(Role.TRIAGE)
    number = call.issue().number
    return _changed(call, number, lambda names: call.store.issues.add_labels(number, call.login, names), call.body)


def set_on_issue(call: Call) -> Answer:
    call.need(Role.TRIAGE)
    number = call.issue().number
    return _changed(call, number, lambda names: call.store.issues.set_labels(number, call.login, names), call.body)


def _changed(call: Call, number: int, change: Any, given: Any) -> Answer:
    names = label_names(given)
    before = {row.name: row for row in call.store.issues.labels_of(number)}
    after = change(names)
    _tell(call, number, before, {row.name: row for row in after})
    return Answer(200, [basic.label(call.urls, row) for row in after])


def _tell(call: Call, number: int, before: dict[str, Label], after: dict[str, Label]) -> None:
    for name, row in after.items():
        if name not in before:
            told(call, number, "labeled", label=basic.label(call.urls, row))
    for name, row in before.items():
        if name not in after:
            told(call, number, "unlabeled", label=basic.label(call.urls, row))


def remove_from_issue(call: Call) -> Answer:
    """The labels that remain; 404 "Label does not exist" when it was not on the issue."""
    call.need(Role.TRIAGE)
    number = call.issue().number
    row = call.store.labels.get(call.params["name"])
    if row is None or not call.store.issues.remove_label(number, call.login, row.name):
        raise not_found("Label does not exist")
    told(call, number, "unlabeled", label=basic.label(call.urls, row))
    return Answer(200, [basic.label(call.urls, left) for left in call.store.issues.labels_of(number)])


def clear_issue(call: Call) -> Answer:
    call.need(Role.TRIAGE)
    number = call.issue().number
    _changed(call, number, lambda names: call.store.issues.set_labels(number, call.login, names), [])
    return Answer(204)


ROUTES: tuple[Route, ...] = (
    repo("GET", "/labels", list_labels),
    repo("POST", "/labels", create_label),
    repo("GET", "/labels/{name:path}", get_label),
    repo("PATCH", "/labels/{name:path}", edit_label),
    repo("DELETE", "/labels/{name:path}", delete_label),
    repo("GET", "/issues/{number}/labels", list_on_issue),
    repo("POST", "/issues/{number}/labels", add_to_issue),
    repo("PUT", "/issues/{number}/labels", set_on_issue),
    repo("DELETE", "/issues/{number}/labels", clear_issue),
    repo("DELETE", "/issues/{number}/labels/{name:path}", remove_from_issue),
)
