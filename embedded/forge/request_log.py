"""Every request the forge was asked, for tests to assert on. The newest hundred thousand are kept."""

import sqlite3
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

KEPT = 100_000
_COLUMNS = ("seq", "at", "method", "path", "query", "status", "login", "user_agent", "ms", "rule")


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. `path` is without /api/v3 and without the query; `status` 0 means no answer was given; `rule` is
    the kind of misbehaviour that hit it, if any; `ms` is the time until the answer was ready."""

    method: str
    path: str
    query: str
    status: int
    login: str | None
    user_agent: str
    ms: float
    rule: str | None


class RequestLog:
    """Rows in a SQLite file of their own, so that the log costs no memory and outlives the process."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS requests(seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT, method TEXT, "
            "path TEXT, query TEXT, status INTEGER, login TEXT, user_agent TEXT, ms REAL, rule TEXT)"
        )

    def add(self, entry: Entry) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self._lock:
            cursor = self._connection.execute(
                "INSERT INTO requests(at, method, path, query, status, login, user_agent, ms, rule) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    at,
                    entry.method,
                    entry.path,
                    entry.query,
                    entry.status,
                    entry.login,
                    entry.user_agent,
                    round(entry.ms, 3),
                    entry.rule,
                ),
            )
            seq = cursor.lastrowid or 0
            if seq % 1000 == 0:
                self._connection.execute("DELETE FROM requests WHERE seq <= ?", (seq - KEPT,))

    def since(self, seq: int, limit: int = 10_000) -> list[dict[str, Any]]:
        """Rows with a number above `seq`, oldest first."""
        with self._lock:
            select = f"SELECT {', '.join(_COLUMNS)} FROM requests WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
            found = self._connection.execute(select, (seq, limit)).fetchall()
        return [dict(zip(_COLUMNS, row, strict=True)) for row in found]

    def stats(self, since: int = 0) -> dict[str, Any]:
        """How many requests by method and status, how many would have changed something, and the last number."""
        with self._lock:
            select = "SELECT method, status, count(*) FROM requests WHERE seq > ? GROUP BY method, status"
            found = self._connection.execute(select, (since,)).fetchall()
            last = self._connection.execute("SELECT coalesce(max(seq), 0) FROM requests").fetchone()[0]
        by: dict[str, dict[str, int]] = {}
        for method, status, count in found:
            by.setdefault(method, {})[str(status)] = count
        total = sum(count for _, _, count in found)
        mutating = sum(count for method, _, count in found if method not in {"GET", "HEAD", "OPTIONS"})
        return {"total": total, "mutating": mutating, "by_method": by, "last_seq": last}

    def clear(self) -> None:
        """Forget all rows; numbers go on."""
        with self._lock:
            self._connection.execute("DELETE FROM requests")

    def close(self) -> None:
        with self._lock:
            self._connection.close()
