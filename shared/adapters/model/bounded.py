"""A body of an HTTP answer that is read so far and so long, whatever its status; the SDK alone would read all of it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2


class Unfit(Exception):
    """The body is too long, or not plain."""


class Late(Exception):
    """The body did not end in time."""


def bound(response: httpx2.Response, most: int, deadline: float) -> None:
    """Have the body end with Unfit after `most` bytes, with Late after `deadline` (time.monotonic).

    Raises Unfit for a packed one.
    """
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Unfit  # it was not asked for, and what it unpacks to is not known
    if isinstance(response.stream, httpx2.SyncByteStream):  # always: these clients are synchronous
        response.stream = _Bounded(response.stream, most, deadline)


class _Bounded(httpx2.SyncByteStream):
    def __init__(self, body: httpx2.SyncByteStream, most: int, deadline: float) -> None:
        self._body, self._most, self._deadline = body, most, deadline

    def __iter__(self) -> Iterator[bytes]:
        length = 0
        for piece in self._body:
            length += len(piece)
            if length > self._most:
                raise Unfit
            if time.monotonic() > self._deadline:
                raise Late
            yield piece

    def close(self) -> None:
        self._body.close()
