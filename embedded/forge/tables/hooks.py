"""Webhooks, what was delivered to them, and dispatches that were asked for."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from embedded.forge.database import Database, now
from embedded.forge.rows import Delivery, Dispatch, Hook

KEPT_DELIVERIES = 2000


def to_hook(row: sqlite3.Row) -> Hook:
    values = dict(row) | {"events": tuple(json.loads(row["events"])), "active": bool(row["active"])}
    return Hook(**values)


def to_delivery(row: sqlite3.Row) -> Delivery:
    values = dict(row) | {"request": json.loads(row["request"]), "redelivery": bool(row["redelivery"])}
    return Delivery(**values)


def to_dispatch(row: sqlite3.Row) -> Dispatch:
    return Dispatch(**(dict(row) | {"payload": json.loads(row["payload"])}))


class Hooks:
    def __init__(self, database: Database) -> None:
        self._db = database
        self.active: tuple[Hook, ...] = ()
        """Kept in memory: asked for at every mutation."""
        self._load()

    def _load(self) -> None:
        self.active = tuple(hook for hook in self.all() if hook.active)

    def all(self) -> list[Hook]:
        return [to_hook(r) for r in self._db.rows("SELECT * FROM hooks ORDER BY id")]

    def get(self, key: int) -> Hook | None:
        row = self._db.row("SELECT * FROM hooks WHERE id = ?", key)
        return to_hook(row) if row else None

    def create(self, url: str, secret: str | None, content_type: str, events: Sequence[str], *, active: bool) -> Hook:
        at = now()
        with self._db.writing():
            key = self._db.insert(
                "INSERT INTO hooks(url, secret, content_type, events, active, created_at, updated_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                *(url, secret, content_type, json.dumps(list(events)), int(active), at, at),
            )
            self._db.changed("hook")
        self._load()
        return Hook(key, url, secret, content_type, tuple(events), active, at, at)

    def edit(self, hook: Hook) -> Hook:
        """Store all that `hook` says."""
        with self._db.writing():
            self._db.rows(
                "UPDATE hooks SET url=?, secret=?, content_type=?, events=?, active=?, updated_at=? WHERE id = ?",
                *(
                    hook.url,
                    hook.secret,
                    hook.content_type,
                    json.dumps(list(hook.events)),
                    int(hook.active),
                    now(),
                    hook.id,
                ),
            )
            self._db.changed("hook")
        self._load()
        return hook

    def delete(self, key: int) -> None:
        with self._db.writing():
            self._db.rows("DELETE FROM hooks WHERE id = ?", key)
            self._db.rows("DELETE FROM deliveries WHERE hook_id = ?", key)
            self._db.changed("hook")
        self._load()

    def delivered(self, delivery: Delivery) -> Delivery:
        """Note an attempt; its `id` is given here. The newest two thousand are kept."""
        values = (delivery.hook_id, delivery.guid, delivery.event, delivery.action, delivery.delivered_at)
        more = (delivery.duration_s, delivery.status_code, int(delivery.redelivery), json.dumps(dict(delivery.request)))
        with self._db.writing():
            key = self._db.insert(
                "INSERT INTO deliveries(hook_id, guid, event, action, delivered_at, duration_s, status_code, "
                "redelivery, request) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(*values, *more),
            )
            self._db.rows("DELETE FROM deliveries WHERE id <= ?", key - KEPT_DELIVERIES)
        return Delivery(key, *values, delivery.duration_s, delivery.status_code, delivery.redelivery, delivery.request)

    def deliveries(self, hook_id: int) -> list[Delivery]:
        """Newest first."""
        select = "SELECT * FROM deliveries WHERE hook_id = ? ORDER BY id DESC"
        return [to_delivery(r) for r in self._db.rows(select, hook_id)]

    def dispatch(self, kind: str, name: str, ref: str | None, payload: Mapping[str, Any], login: str) -> Dispatch:
        """Note that a dispatch was asked for."""
        at = now()
        with self._db.writing():
            insert = "INSERT INTO dispatches(kind, name, ref, payload, login, created_at) VALUES (?, ?, ?, ?, ?, ?)"
            key = self._db.insert(insert, kind, name, ref, json.dumps(dict(payload)), login, at)
            self._db.changed("dispatch")
        return Dispatch(key, kind, name, ref, payload, login, at)

    def dispatches(self) -> list[Dispatch]:
        """Oldest first."""
        return [to_dispatch(r) for r in self._db.rows("SELECT * FROM dispatches ORDER BY id")]
