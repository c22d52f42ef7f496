"""Issues, and the issue side of pull requests."""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict

from embedded.forge.database import Database, Value, marks, now
from embedded.forge.rows import Issue, Label
from embedded.forge.tables.body_edits import BodyEdits
from embedded.forge.tables.events import Events
from embedded.forge.tables.labels import Labels, to_label


class IssueEdit(TypedDict, total=False):
    """What to change; a key that is absent stays as it is."""

    title: str
    body: str | None
    state: str
    state_reason: str | None


@dataclass(frozen=True, slots=True)
class IssueQuery:
    """Which issues, in which order. `labels` must all be there; `text` words must all occur in title or body."""

    state: str = "open"
    labels: tuple[str, ...] = ()
    assignee: str | None = None
    creator: str | None = None
    since: str | None = None
    sort: str = "created"
    descending: bool = True
    pulls: bool | None = None
    text: tuple[str, ...] = ()
    in_title_only: bool = False
    born_before: float = float("inf")


class Issues:
    def __init__(self, database: Database, labels: Labels, events: Events) -> None:
        self._db = database
        self._labels = labels
        self._events = events
        self.edits = BodyEdits(database)

    def create(self, title: str, body: str | None, author: str, *, is_pull: bool = False) -> Issue:
        """Open an issue with the next free number (pull requests share the numbers)."""
        at = now()
        with self._db.writing():
            number = int(self._db.rows("SELECT coalesce(max(number), 0) + 1 FROM issues")[0][0])
            self._db.insert(
                "INSERT INTO issues(number, title, body, author, created_at, updated_at, is_pull, born) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                *(number, title, body, author, at, at, int(is_pull), time.time()),
            )
            self._db.changed("pull" if is_pull else "issue", number)
            return self._known(number)

    def get(self, number: int) -> Issue | None:
        row = self._db.row("SELECT * FROM issues WHERE number = ?", number)
        return self._filled([row])[0] if row else None

    def _known(self, number: int) -> Issue:
        issue = self.get(number)
        if issue is None:
            raise KeyError(number)
        return issue

    def find(self, query: IssueQuery, limit: int = -1, offset: int = 0) -> tuple[list[Issue], int]:
        """A page of issues and how many there are in all."""
        such, values = _where(query)
        order = {"updated": "updated_at", "comments": "comments"}.get(query.sort, "created_at")
        way = "DESC" if query.descending else "ASC"
        with self._db.reading():
            total = int(self._db.rows(f"SELECT count(*) FROM issues WHERE {such}", *values)[0][0])  # noqa: S608
            found = self._db.rows(
                f"SELECT * FROM issues WHERE {such} ORDER BY {order} {way}, number {way} LIMIT ? OFFSET ?",  # noqa: S608
                *(*values, limit, offset),
            )
            return self._filled(found), total

    def edit(self, number: int, actor: str, edit: IssueEdit) -> Issue:
        """Change an issue, noting closed, reopened and renamed as events."""
        at = now()
        with self._db.writing():
            old = self._known(number)
            if "title" in edit and edit["title"] != old.title:
                self._set(number, "title", edit["title"])
                self._events.add(number, actor, "renamed", {"rename": {"from": old.title, "to": edit["title"]}})
            if "body" in edit:
                self.edits.note(old, actor, edit["body"] or "", at)
                self._set(number, "body", edit["body"])
            state = edit.get("state", old.state)
            if state == "closed" and (
                old.state == "open" or edit.get("state_reason", old.state_reason) != old.state_reason
            ):
                reason = edit.get("state_reason") or "completed"
                close = "UPDATE issues SET state='closed', state_reason=?, closed_at=?, closed_by=? WHERE number=?"
                self._db.rows(close, None if old.is_pull else reason, at, actor, number)
                if old.state == "open":
                    self._events.add(number, actor, "closed", {} if old.is_pull else {"state_reason": reason})
            elif state == "open" and old.state == "closed":
                reopen = "UPDATE issues SET state='open', state_reason=?, closed_at=NULL, closed_by=NULL WHERE number=?"
                self._db.rows(reopen, None if old.is_pull else "reopened", number)
                self._events.add(number, actor, "reopened")
            self._set(number, "updated_at", at)
            self._db.changed("pull" if old.is_pull else "issue", number)
            return self._known(number)

    def lock(self, number: int, actor: str, *, locked: bool, reason: str | None = None) -> None:
        """Close or open the conversation for those without write access."""
        with self._db.writing():
            self._db.rows("UPDATE issues SET locked = ?, lock_reason = ? WHERE number = ?", int(locked), reason, number)
            self._events.add(
                number, actor, "locked" if locked else "unlocked", {"lock_reason": reason} if locked else {}
            )
            self._db.changed("issue", number)

    def add_labels(self, number: int, actor: str, names: Iterable[str]) -> list[Label]:
        """Put labels on, making unknown ones; those already there stay. `updated_at` does not move.

        Whether GitHub moves `updated_at` for a label is contradictory; the forge takes the harder reading.
        """
        with self._db.writing():
            for name in names:
                label = self._labels.ensure(name)
                before = self._db.row("SELECT 1 FROM issue_labels WHERE number=? AND label_id=?", number, label.id)
                if before is None:
                    self._db.insert("INSERT INTO issue_labels(number, label_id) VALUES (?, ?)", number, label.id)
                    self._labelled(number, actor, "labeled", label)
            return self.labels_of(number)

    def remove_label(self, number: int, actor: str, name: str) -> bool:
        """Take one label off; False when it was not on."""
        with self._db.writing():
            label = self._labels.get(name)
            if label is None or label.id not in {on.id for on in self.labels_of(number)}:
                return False
            self._db.rows("DELETE FROM issue_labels WHERE number = ? AND label_id = ?", number, label.id)
            self._labelled(number, actor, "unlabeled", label)
            return True

    def set_labels(self, number: int, actor: str, names: Sequence[str]) -> list[Label]:
        """Exactly these labels."""
        keep = {name.lower() for name in names}
        with self._db.writing():
            for label in self.labels_of(number):
                if label.name.lower() not in keep:
                    self.remove_label(number, actor, label.name)
            return self.add_labels(number, actor, names)

    def _labelled(self, number: int, actor: str, event: str, label: Label) -> None:
        self._events.add(number, actor, event, {"label": {"name": label.name, "color": label.color}})
        self._db.changed("issue_label", number)

    def labels_of(self, number: int) -> list[Label]:
        return list(self._labels_by_number([number]).get(number, ()))

    def assign(self, number: int, actor: str, logins: Iterable[str], *, on: bool = True) -> Issue:
        """Add (or with `on=False` remove) assignees."""
        with self._db.writing():
            present = {login.lower() for login in self._known(number).assignees}
            for login in logins:
                if (login.lower() in present) == on:
                    continue
                if on:
                    self._db.insert("INSERT INTO issue_assignees(number, login) VALUES (?, ?)", number, login)
                else:
                    self._db.rows("DELETE FROM issue_assignees WHERE number = ? AND login = ?", number, login)
                self._events.add(
                    number, actor, "assigned" if on else "unassigned", {"assignee": login, "assigner": actor}
                )
                self._db.changed("issue", number)
            return self._known(number)

    def _set(self, number: int, column: str, value: Value) -> None:
        self._db.rows(f"UPDATE issues SET {column} = ? WHERE number = ?", value, number)  # noqa: S608

    def _labels_by_number(self, numbers: Sequence[int]) -> dict[int, list[Label]]:
        found: dict[int, list[Label]] = {}
        for row in self._db.rows(
            "SELECT il.number AS number, l.* FROM issue_labels il JOIN labels l ON l.id = il.label_id "  # noqa: S608
            f"WHERE il.number IN ({marks(numbers)}) ORDER BY il.id",
            *numbers,
        ):
            found.setdefault(row["number"], []).append(to_label(row))
        return found

    def _filled(self, rows: Sequence[sqlite3.Row]) -> list[Issue]:
        numbers = [int(row["number"]) for row in rows]
        labels = self._labels_by_number(numbers)
        assignees: dict[int, list[str]] = {}
        for row in self._db.rows(
            f"SELECT number, login FROM issue_assignees WHERE number IN ({marks(numbers)}) ORDER BY id",  # noqa: S608
            *numbers,
        ):
            assignees.setdefault(row["number"], []).append(row["login"])
        return [
            Issue(
                id=r["id"],
                number=r["number"],
                title=r["title"],
                body=r["body"],
                author=r["author"],
                state=r["state"],
                state_reason=r["state_reason"],
                locked=bool(r["locked"]),
                lock_reason=r["lock_reason"],
                comments=r["comments"],
                created_at=r["created_at"],
                updated_at=r["updated_at"],
                closed_at=r["closed_at"],
                closed_by=r["closed_by"],
                is_pull=bool(r["is_pull"]),
                labels=tuple(labels.get(r["number"], ())),
                assignees=tuple(assignees.get(r["number"], ())),
            )
            for r in rows
        ]


def _where(query: IssueQuery) -> tuple[str, list[Value]]:
    where: list[str] = ["born <= ?"]
    values: list[Value] = [query.born_before]

    def such(clause: str, *given: Value) -> None:
        where.append(clause)
        values.extend(given)

    if query.state in {"open", "closed"}:
        such("state = ?", query.state)
    for name in query.labels:
        such(
            "number IN (SELECT il.number FROM issue_labels il JOIN labels l ON l.id = il.label_id WHERE l.name = ?)",
            name,
        )
    if query.assignee == "none":
        such("number NOT IN (SELECT number FROM issue_assignees)")
    elif query.assignee == "*":
        such("number IN (SELECT number FROM issue_assignees)")
    elif query.assignee:
        such("number IN (SELECT number FROM issue_assignees WHERE login = ?)", query.assignee)
    if query.creator:
        such("author = ? COLLATE NOCASE", query.creator)
    if query.since:
        such("updated_at >= ?", query.since)
    if query.pulls is not None:
        such("is_pull = ?", int(query.pulls))
    for word in query.text:
        where_found = (
            "instr(lower(title), ?)" if query.in_title_only else "instr(lower(title || ' ' || coalesce(body,'')), ?)"
        )
        such(where_found, word.lower())
    return " AND ".join(where), values
