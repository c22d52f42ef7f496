"""Tells open pages that something changed, as server-sent events; the page then fetches itself again."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Final

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from embedded.forge.rows import Change
from embedded.forge.store import Store

RETRY_MS: Final = 1000
"""How long a browser waits before it connects again."""
UNSEEN: Final = frozenset({"hook", "dispatch"})
"""Kinds of change that no page shows."""


class Live:
    """The endpoint `/{owner}/{repo}/live?number=N&since=S`: one event per change, its id the change's number.

    A reader that names the last change it saw (Last-Event-ID, or `since` the first time) is told all later ones first,
    so nothing is lost between two connections. `number` keeps other issues' changes out; what belongs to no issue
    (a label's colour, a commit's status) is told to everybody. After catching up comes one `watching` event.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, request: Request) -> Response:
        number = _count(request.query_params.get("number", ""))
        since = _count(request.headers.get("last-event-id", ""))
        if since is None:
            since = _count(request.query_params.get("since", ""))
        return EventSourceResponse(self._events(number, since), ping=15, headers={"Cache-Control": "no-store"})

    async def _events(self, number: int | None, since: int | None) -> AsyncIterator[ServerSentEvent]:
        loop = asyncio.get_running_loop()
        wake = asyncio.Event()
        stop = self._store.subscribe(lambda _: loop.call_soon_threadsafe(wake.set))
        try:
            now = self._store.seq
            seen = now if since is None else min(since, now)
            if since is not None and since > now:
                yield _message("change", seen, {"kind": "restart", "number": None, "at": ""})
            greeted = False
            while True:
                wake.clear()
                changes = await run_in_threadpool(self._store.changes_since, seen)
                for change in changes:
                    seen = change.seq
                    if _concerns(change, number):
                        data = {"kind": change.kind, "number": change.number, "at": change.at}
                        yield _message("change", seen, data)
                if changes:
                    continue
                if not greeted:
                    yield _message("watching", seen, {"seq": seen})
                    greeted = True
                await wake.wait()
        finally:
            stop()


def _concerns(change: Change, number: int | None) -> bool:
    return change.kind not in UNSEEN and (number is None or change.number is None or change.number == number)


def _message(event: str, seq: int, data: Mapping[str, object]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(data), event=event, id=str(seq), retry=RETRY_MS)


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
