"""What happened to issues, in order."""

import json
import sqlite3
import time
from typing import Any

from embedded.forge.database import Database, now
from embedded.forge.rows import Event


def to_event(row: sqlite3.Row) -> Event:
    return Event(
        row["id"],
        row["number"],
        row["actor"],
        row["event"],
        json.loads(row["detail"]),
        row["commit_id"],
        row["created_at"],
    )


class Events:
    """Issue events: closed, reopened, labeled, unlabeled, assigned, unassigned, renamed, locked, merged, ..."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(
        self, number: int, actor: str, event: str, detail: dict[str, Any] | None = None, commit_id: str | None = None
    ) -> int:
        """Note an event inside the caller's transaction."""
        return self._db.insert(
            "INSERT INTO events(number, actor, event, detail, commit_id, created_at, born) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            number,
            actor,
            event,
            json.dumps(detail or {}),
            commit_id,
            now(),
            time.time(),
        )

    def get(self, key: int) -> Event | None:
        row = self._db.row("SELECT * FROM events WHERE id = ?", key)
        return to_event(row) if row else None

    def of_issue(self, number: int, *, born_before: float = float("inf")) -> list[Event]:
        """Oldest first."""
        select = "SELECT * FROM events WHERE number = ? AND born <= ? ORDER BY id"
        return [to_event(r) for r in self._db.rows(select, number, born_before)]

    def newest(self, limit: int, offset: int = 0, *, born_before: float = float("inf")) -> tuple[list[Event], int]:
        """Events of all issues, newest first, and how many there are."""
        with self._db.reading():
            total = self._db.rows("SELECT count(*) FROM events WHERE born <= ?", born_before)[0][0]
            select = "SELECT * FROM events WHERE born <= ? ORDER BY id DESC LIMIT ? OFFSET ?"
            return [to_event(r) for r in self._db.rows(select, born_before, limit, offset)], int(total)
