"""The stream of one page: the board, then whatever is new, in the ring's order. A slow page only costs itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from starlette.concurrency import run_in_threadpool

from dashboard.hub import Hub
from dashboard.ring import Ring, dumps, encode

LOOK: float = 3600.0
"""Seconds; heartbeats are sent beside this wait."""


class Follow:
    """Hands out streams, and counts."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._places: dict[int, int] = {}
        self._next = 0
        self.sent = 0
        self.boards = 0

    @property
    def clients(self) -> int:
        return len(self._places)

    @property
    def lag(self) -> int:
        """Events that the slowest page has yet to get."""
        return self._hub.ring.seq - min(self._places.values(), default=self._hub.ring.seq)

    async def stream(self, last: str) -> AsyncGenerator[bytes, None]:
        """Encoded events after the one with id `last`; first a board, where that is unknown or too old."""
        ring = self._hub.ring
        self._next += 1
        me = self._next
        seq = ring.place(last) if last else None
        self._places[me] = ring.seq if seq is None else seq
        try:
            while True:
                if seq is None:
                    seq = ring.seq  # what comes while the board is made is told after it, at worst twice
                    self._places[me] = seq
                    yield await self._board(ring, seq)
                slots, whole = ring.after(seq)
                if not whole:
                    seq = None
                    continue
                if not slots:
                    await ring.wait(seq, LOOK)
                    continue
                seq = slots[-1].seq
                yield b"".join(slot.wire for slot in slots)
                self.sent += len(slots)
                self._places[me] = seq
        finally:
            del self._places[me]

    async def _board(self, ring: Ring, seq: int) -> bytes:
        board = await run_in_threadpool(self._hub.board)
        text = await run_in_threadpool(dumps, board)
        self.boards += 1
        return encode("board", text, f"{ring.boot}-{seq}")
