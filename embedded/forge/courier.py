"""Delivers webhooks from a thread of its own: signed, once, never again by itself."""

import hashlib
import hmac
import http.client
import json
import queue
import threading
import time
import urllib.parse
import uuid
from dataclasses import dataclass
from typing import Any

from embedded.forge.database import now
from embedded.forge.rows import Delivery, Hook
from embedded.forge.store import Store

TIMEOUT_S = 10
"""GitHub gives a webhook ten seconds."""
WAITING = 1000
"""Deliveries that may wait; more are dropped, as a webhook is only a hint."""


@dataclass(frozen=True, slots=True)
class Parcel:
    hook: Hook
    event: str
    payload: dict[str, Any]
    guid: str
    redelivery: bool = False


class Courier:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: queue.Queue[Parcel | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None

    def wanted(self, event: str) -> bool:
        """Whether any active webhook listens to this."""
        return any(event in hook.events or "*" in hook.events for hook in self._store.hooks.active)

    def send(self, event: str, payload: dict[str, Any]) -> None:
        """Tell every webhook that listens."""
        for hook in self._store.hooks.active:
            if event in hook.events or "*" in hook.events:
                self.put(Parcel(hook, event, payload, str(uuid.uuid4())))

    def put(self, parcel: Parcel) -> None:
        """Send one parcel soon."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="forge-courier", daemon=True)
            self._thread.start()
        if not self._waiting.full():
            self._waiting.put(parcel)

    def close(self) -> None:
        """Stop after the parcel in hand."""
        if self._thread is not None:
            while not self._waiting.empty():
                self._waiting.get_nowait()
            self._waiting.put(None)
            self._thread.join(TIMEOUT_S + 1)

    def _run(self) -> None:
        while (parcel := self._waiting.get()) is not None:
            self._store.hooks.delivered(deliver(parcel))


def signature(secret: str, body: bytes) -> str:
    """The value of X-Hub-Signature-256."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def deliver(parcel: Parcel) -> Delivery:
    """POST one payload; a status code of 0 means that nobody answered in time."""
    hook = parcel.hook
    body = json.dumps(parcel.payload).encode()
    if hook.content_type == "form":
        body = urllib.parse.urlencode({"payload": body.decode()}).encode()
    kind = "application/x-www-form-urlencoded" if hook.content_type == "form" else "application/json"
    headers = {
        "Content-Type": kind,
        "User-Agent": "GitHub-Hookshot/forge",
        "X-GitHub-Event": parcel.event,
        "X-GitHub-Delivery": parcel.guid,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-Type": "repository",
    }
    if hook.secret:
        headers["X-Hub-Signature-256"] = signature(hook.secret, body)
    target = urllib.parse.urlsplit(hook.url)
    start = time.perf_counter()
    secure = target.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect(target.hostname or "", target.port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", (target.path or "/") + (f"?{target.query}" if target.query else ""), body, headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        status = 0
    finally:
        connection.close()
    return Delivery(
        id=0,
        hook_id=hook.id,
        guid=parcel.guid,
        event=parcel.event,
        action=parcel.payload.get("action"),
        delivered_at=now(),
        duration_s=round(time.perf_counter() - start, 3),
        status_code=status,
        redelivery=parcel.redelivery,
        request={"headers": headers, "payload": parcel.payload},
    )
