"""Sessions and their activities in one SQLite file: what was answered is on disk, also when the power goes."""

from __future__ import annotations

import fcntl
import json
import secrets
import sqlite3
import threading
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ENDED: Final = ("FAILED", "COMPLETED")
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS sessions (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, deleted INTEGER NOT NULL DEFAULT 0,
  data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS activities (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS of_session ON activities (session, seq);
"""


class DataInUse(Exception):
    """Another server has this folder."""


@dataclass(frozen=True, slots=True)
class Session:
    """One task. Times as RFC 3339 texts."""

    id: str
    title: str
    prompt: str
    source: str
    branch: str
    approval: bool
    """Whether a plan waits to be approved."""
    opens_pull: bool
    state: str
    created_at: str
    updated_at: str
    chosen: str = ""
    """Which prepared patch the plan is about."""
    outputs: tuple[dict[str, Any], ...] = ()
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that happened in a session: `kind` is the name of the API's union field, `value` what it holds."""

    kind: str
    value: dict[str, Any]
    originator: str = "agent"


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Store:
    """Thread-safe. A state and the activity that tells of it are written together or not at all."""

    def __init__(self, folder: Path) -> None:
        """Raises DataInUse."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock_file = (folder / "jules.lock").open("a")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock_file.close()
            raise DataInUse(f"another embedded Jules has {folder}") from None
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(folder / "jules.db", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(_SCHEMA)

    def create(self, session: Session) -> Session:
        """A new session under an id of its own: a number, as branches end in it."""
        made = replace(session, id=str(10**18 + secrets.randbelow(9 * 10**18)))
        with self._lock, self._connection:
            at = self._connection.execute("INSERT INTO sessions (id, data) VALUES (?, ?)", (made.id, _dump(made)))
        return replace(made, seq=int(at.lastrowid or 0))

    def get(self, session_id: str) -> Session | None:
        rows = self._rows("SELECT seq, data FROM sessions WHERE id = ? AND NOT deleted", session_id)
        return _load(*rows[0]) if rows else None

    def all(self, *, deleted: bool = False) -> tuple[Session, ...]:
        """Newest first; those that were deleted too, where `deleted`."""
        rows = self._rows("SELECT seq, data FROM sessions WHERE NOT deleted OR ? ORDER BY seq DESC", int(deleted))
        return tuple(_load(*row) for row in rows)

    def move(
        self, session_id: str, source: str | None, target: str, *happened: Activity, **changed: Any
    ) -> Session | None:
        """From state `source` (None: any) to `target`, with other fields; None when it is not there any more."""
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            found = self.get(session_id)
            if found is None or (source is not None and found.state != source):
                return None
            moved = replace(found, state=target, updated_at=now(), **changed)
            self._connection.execute("UPDATE sessions SET data = ? WHERE id = ?", (_dump(moved), session_id))
            for one in happened:
                self._note(session_id, one)
        return moved

    def delete(self, session_id: str) -> bool:
        with self._lock:
            gone = self._connection.execute(
                "UPDATE sessions SET deleted = 1 WHERE id = ? AND NOT deleted", (session_id,)
            )
        return gone.rowcount == 1

    def activities(self, session_id: str) -> tuple[tuple[int, dict[str, Any]], ...]:
        """Number and content, oldest first."""
        rows = self._rows("SELECT seq, data FROM activities WHERE session = ? ORDER BY seq", session_id)
        return tuple((int(seq), json.loads(data)) for seq, data in rows)

    def close(self) -> None:
        with self._lock:
            self._connection.close()
        self._lock_file.close()

    def _note(self, session_id: str, one: Activity) -> None:
        data = {"createTime": now(), "originator": one.originator, one.kind: one.value}
        self._connection.execute("INSERT INTO activities (session, data) VALUES (?, ?)", (session_id, json.dumps(data)))

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()


def _dump(session: Session) -> str:
    return json.dumps({name: value for name, value in asdict(session).items() if name != "seq"})


def _load(seq: int, data: str) -> Session:
    value = json.loads(data)
    known = {one.name for one in fields(Session)}
    value["outputs"] = tuple(value["outputs"])
    return Session(**{name: given for name, given in value.items() if name in known}, seq=seq)
