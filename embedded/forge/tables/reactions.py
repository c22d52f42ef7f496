"""Thumbs and hearts on issues and comments: one of each kind per person and subject."""

import sqlite3
from collections.abc import Sequence

from embedded.forge.database import Database, marks, now
from embedded.forge.rows import Reaction

CONTENTS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


def to_reaction(row: sqlite3.Row) -> Reaction:
    return Reaction(row["id"], row["subject"], row["subject_id"], row["login"], row["content"], row["created_at"])


class Reactions:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, subject: str, subject_id: int, login: str, content: str) -> tuple[Reaction, bool]:
        """The reaction, and whether it is new (a second identical one is the first)."""
        select = "SELECT * FROM reactions WHERE subject = ? AND subject_id = ? AND login = ? AND content = ?"
        with self._db.writing():
            row = self._db.row(select, subject, subject_id, login, content)
            if row:
                return to_reaction(row), False
            at = now()
            insert = "INSERT INTO reactions(subject, subject_id, login, content, created_at) VALUES (?, ?, ?, ?, ?)"
            key = self._db.insert(insert, subject, subject_id, login, content, at)
            self._db.changed("reaction", subject_id if subject == "issue" else self._number(subject_id))
        return Reaction(key, subject, subject_id, login, content, at), True

    def _number(self, comment_id: int) -> int | None:
        row = self._db.row("SELECT number FROM comments WHERE id = ?", comment_id)
        return int(row["number"]) if row else None

    def of(self, subject: str, subject_id: int) -> list[Reaction]:
        """Oldest first."""
        select = "SELECT * FROM reactions WHERE subject = ? AND subject_id = ? ORDER BY id"
        return [to_reaction(r) for r in self._db.rows(select, subject, subject_id)]

    def delete(self, subject: str, subject_id: int, key: int) -> Reaction | None:
        """Remove one and return it; None when there is no such."""
        select = "SELECT * FROM reactions WHERE id = ? AND subject = ? AND subject_id = ?"
        with self._db.writing():
            row = self._db.row(select, key, subject, subject_id)
            if row is None:
                return None
            self._db.rows("DELETE FROM reactions WHERE id = ?", key)
            self._db.changed("reaction", subject_id if subject == "issue" else self._number(subject_id))
        return to_reaction(row)

    def counts(self, subject: str, subject_ids: Sequence[int]) -> dict[int, dict[str, int]]:
        """How often each content stands on each subject; subjects without any are absent."""
        if not subject_ids:
            return {}
        found: dict[int, dict[str, int]] = {}
        select = (
            "SELECT subject_id, content, count(*) AS n FROM reactions "  # noqa: S608
            f"WHERE subject = ? AND subject_id IN ({marks(subject_ids)}) GROUP BY subject_id, content"
        )
        for row in self._db.rows(select, subject, *subject_ids):
            found.setdefault(row["subject_id"], {})[row["content"]] = row["n"]
        return found
