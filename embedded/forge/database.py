"""One SQLite file, one writer at a time, and a numbered list of what changed that others can follow."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from embedded.forge.rows import Change

Value = str | int | float | None
Listener = Callable[[Change], object]


def now() -> str:
    """This second, as GitHub writes it: 2026-01-31T12:00:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Database:
    """A connection guarded by one lock.

    WAL with synchronous=NORMAL: a commit survives the death of this process at any point (kill -9).
    """

    def __init__(self, path: Path, repo: str) -> None:
        self.repo = repo
        self.seq = 0
        self._lock = threading.RLock()
        self._pending: list[Change] | None = None
        self._listeners: list[Listener] = []
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-4096"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript((Path(__file__).parent / "schema.sql").read_text(encoding="utf-8"))
        self.seq = int(self.rows("SELECT coalesce(max(seq), 0) FROM changes")[0][0])

    def rows(self, sql: str, *values: Value) -> list[sqlite3.Row]:
        """Run one statement and fetch all it answers."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Value) -> sqlite3.Row | None:
        """The first row, or None."""
        with self._lock:
            found: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
            return found

    def insert(self, sql: str, *values: Value) -> int:
        """Run an INSERT inside a transaction and tell the new row's id."""
        return int(self._connection.execute(sql, values).lastrowid or 0)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Several reads that see one state."""
        with self._lock:
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction. Nested calls join the outer one; listeners hear of its changes after the commit."""
        with self._lock:
            if self._pending is not None:
                yield
                return
            self._pending = []
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                self._pending = None
                raise
            self._connection.execute("COMMIT")
            committed, self._pending = self._pending, None
            if committed:
                self.seq = committed[-1].seq
            for change in committed:
                for listener in tuple(self._listeners):
                    listener(change)

    def changed(self, kind: str, number: int | None = None) -> None:
        """Note, inside the current transaction, that something of `kind` changed."""
        if self._pending is None:
            raise RuntimeError("changed() outside of writing()")
        at = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        insert = "INSERT INTO changes(at, repo, kind, number) VALUES (?, ?, ?, ?)"
        seq = self.insert(insert, at, self.repo, kind, number)
        self._pending.append(Change(seq, at, self.repo, kind, number))

    def changes_since(self, seq: int, limit: int = 1000) -> list[Change]:
        """Changes with a number above `seq`, oldest first."""
        found = self.rows("SELECT * FROM changes WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit)
        return [Change(r["seq"], r["at"], r["repo"], r["kind"], r["number"]) for r in found]

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` (quick, must not raise) with each committed change, in order; call the answer to stop."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def marks(values: Sequence[object]) -> str:
    """Placeholders for an IN (...) list."""
    return ",".join("?" * len(values))
