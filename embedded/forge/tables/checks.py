"""Commit statuses and check runs: what machines say about a commit."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from embedded.forge.database import Database, now
from embedded.forge.rows import CheckRun, CommitStatus


def to_status(row: sqlite3.Row) -> CommitStatus:
    keys = ("id", "sha", "state", "context", "description", "target_url", "creator", "created_at")
    return CommitStatus(*(row[key] for key in keys))


def to_run(row: sqlite3.Row) -> CheckRun:
    values = dict(row) | {"output": json.loads(row["output"])}
    return CheckRun(**values)


@dataclass(frozen=True, slots=True)
class RunEdit:
    """What is new about a check run; None leaves it."""

    name: str | None = None
    status: str | None = None
    conclusion: str | None = None
    details_url: str | None = None
    external_id: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    output: Mapping[str, Any] = field(default_factory=dict)


class Checks:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add_status(
        self, sha: str, state: str, context: str, description: str | None, target_url: str | None, *, creator: str
    ) -> CommitStatus:
        at = now()
        with self._db.writing():
            key = self._db.insert(
                "INSERT INTO statuses(sha, state, context, description, target_url, creator, created_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                *(sha, state, context, description, target_url, creator, at),
            )
            self._db.changed("status")
        return CommitStatus(key, sha, state, context, description, target_url, creator, at)

    def statuses(self, sha: str) -> list[CommitStatus]:
        """All of a commit, newest first."""
        return [to_status(r) for r in self._db.rows("SELECT * FROM statuses WHERE sha = ? ORDER BY id DESC", sha)]

    def latest(self, sha: str) -> list[CommitStatus]:
        """The newest of each context, oldest context first."""
        newest: dict[str, CommitStatus] = {}
        for status in reversed(self.statuses(sha)):
            newest[status.context] = status
        return list(newest.values())

    def add_run(self, sha: str, name: str, creator: str, edit: RunEdit) -> CheckRun:
        with self._db.writing():
            key = self._db.insert(
                "INSERT INTO check_runs(sha, name, status, output, creator) VALUES (?, ?, 'queued', '{}', ?)",
                sha,
                name,
                creator,
            )
            fresh = CheckRun(key, sha, name, "queued", None, None, None, None, None, {}, creator)
            return self.edit_run(fresh, edit)

    def edit_run(self, run: CheckRun, edit: RunEdit) -> CheckRun:
        """Apply what is new; a conclusion completes the run."""
        names = ("name", "status", "conclusion", "details_url", "external_id", "started_at", "completed_at")
        given = {name: getattr(edit, name) for name in names if getattr(edit, name) is not None}
        if "conclusion" in given:
            given |= {"status": "completed", "completed_at": given.get("completed_at") or now()}
        if given.get("status", run.status) != "queued" and not run.started_at:
            given.setdefault("started_at", now())
        run = replace(run, **given, output={**run.output, **edit.output})
        values = (*(getattr(run, name) for name in names), json.dumps(dict(run.output)))
        with self._db.writing():
            columns = ", ".join(f"{name} = ?" for name in names)
            self._db.rows(f"UPDATE check_runs SET {columns}, output = ? WHERE id = ?", *values, run.id)  # noqa: S608
            self._db.changed("check_run")
        return run

    def run(self, key: int) -> CheckRun | None:
        row = self._db.row("SELECT * FROM check_runs WHERE id = ?", key)
        return to_run(row) if row else None

    def runs(self, sha: str) -> list[CheckRun]:
        """Newest first."""
        return [to_run(r) for r in self._db.rows("SELECT * FROM check_runs WHERE sha = ? ORDER BY id DESC", sha)]
