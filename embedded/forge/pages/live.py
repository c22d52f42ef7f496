"""Tells open pages that something changed, as server-sent events; the page then fetches itself again."""

import asyncio
import json
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from embedded.forge.rows import Change
from embedded.forge.store import Store

QUEUE: int = 1000
"""Changes one slow reader may fall behind before it is told to catch up by one event."""


class Live:
    """The endpoint `/{owner}/{repo}/live?number=N`: one event per change, ids are change numbers, so nothing is lost."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, request: Request) -> Response:
        number = request.query_params.get("number", "")
        since = request.headers.get("last-event-id", "")
        return EventSourceResponse(
            self._events(int(number) if number.isdecimal() else None, int(since) if since.isdecimal() else None),
            ping=15,
        )

    async def _events(self, number: int | None, since: int | None) -> AsyncIterator[ServerSentEvent]:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Change] = asyncio.Queue(QUEUE)

        def put(change: Change) -> None:
            if not queue.full():
                queue.put_nowait(change)

        stop = self._store.subscribe(lambda change: loop.call_soon_threadsafe(put, change))
        try:
            yield ServerSentEvent(comment="watching")
            if since is not None:
                for change in self._store.changes_since(since):
                    if number is None or change.number == number:
                        yield _event(change)
            while True:
                change = await queue.get()
                if number is None or change.number == number:
                    yield _event(change)
        finally:
            stop()


def _event(change: Change) -> ServerSentEvent:
    data = {"kind": change.kind, "number": change.number, "at": change.at}
    return ServerSentEvent(json.dumps(data), event="change", id=str(change.seq))
