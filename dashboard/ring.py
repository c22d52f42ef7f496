"""The newest events, encoded once, with ids to catch up by. Nobody has a queue: who is slow falls behind alone."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

NEWEST: Final = 5_000
BATCH: Final = 50
"""Events that one write takes at most."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One event as it goes over the wire."""

    seq: int
    wire: bytes


class Ring:
    """Thread-safe to publish to; read within one event loop, to which it is bound by `attach`."""

    def __init__(self, most: int = NEWEST, boot: str | None = None) -> None:
        self.boot = boot or secrets.token_hex(6)
        self._slots: deque[Slot] = deque(maxlen=most)
        self._seq = 0
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event | None = None
        self._told = False

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on readers of this loop are woken."""
        with self._lock:
            self._loop, self._news, self._told = loop, asyncio.Event(), False

    def detach(self) -> None:
        """The loop is about to end: nobody is woken any more."""
        with self._lock:
            self._loop = None

    @property
    def seq(self) -> int:
        """Of the newest event; 0 before the first."""
        return self._seq

    def __len__(self) -> int:
        return len(self._slots)

    def publish(self, kind: str, data: Mapping[str, object] | Sequence[object]) -> None:
        """Add an event and wake the readers; from any thread."""
        text = dumps(data)
        with self._lock:
            self._seq += 1
            self._slots.append(Slot(self._seq, encode(kind, text, f"{self.boot}-{self._seq}")))
            if self._loop is not None and not self._told:
                self._told = True
                self._loop.call_soon_threadsafe(self._wake)

    def after(self, seq: int) -> tuple[tuple[Slot, ...], bool]:
        """At most BATCH events after `seq`, oldest first, and whether none in between is missing."""
        with self._lock:
            first = self._slots[0].seq if self._slots else self._seq + 1
            whole = first - 1 <= seq <= self._seq
            if not whole or seq == self._seq:
                return (), whole
            start = seq - first + 1
            end = min(start + BATCH, len(self._slots))
            return tuple(self._slots[n] for n in range(start, end)), True

    def place(self, event_id: str) -> int | None:
        """Where a reader that saw `event_id` last goes on; None for an id of another process, or one too old."""
        boot, _, tail = event_id.rpartition("-")
        if boot != self.boot or not tail.isascii() or not tail.isdigit() or len(tail) > 12:
            return None
        seq = int(tail)
        return seq if self.after(seq)[1] else None

    async def wait(self, seq: int, seconds: float) -> bool:
        """Until there is something after `seq`; False when nothing came in time."""
        if self._seq > seq:
            return True
        if self._news is None:
            raise RuntimeError("the ring is not attached to a loop")
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        with self._lock:
            self._told = False
        news, self._news = self._news, asyncio.Event()
        if news is not None:
            news.set()


def dumps(data: object) -> str:
    """Compact JSON on one line; no NaN, which JSON does not have."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def encode(kind: str, text: str, event_id: str) -> bytes:
    """One server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html); `text` is one line."""
    return f"id: {event_id}\nevent: {kind}\ndata: {text}\n\n".encode(errors="replace")
