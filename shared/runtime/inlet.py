"""A way in over HTTP: JSON, bounded and with a bearer token; every refusal is one line that says why."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MOST_AT_ONCE: Final = 4
"""Requests that are read at the same time; one more is told to come again."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered: an HTTP status and JSON types. `close`: the body was not read, so the connection ends."""

    status: int
    body: Mapping[str, Any]
    close: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(status: int, why: str, *, close: bool = False, **headers: str) -> Reply:
    return Reply(status, {"ok": False, "error": why}, close, {k.replace("_", "-"): v for k, v in headers.items()})


class Inlet:
    """One path that takes POSTs. `take` gets an authentic body of at most `most` bytes and answers; any thread."""

    def __init__(self, token: str, most: int, take: Callable[[bytes], Reply]) -> None:
        self._token = token.encode()
        self._most = most
        self._take = take
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)

    def post(self, headers: Mapping[str, str], read: Callable[[int], bytes]) -> Reply:
        """Judge the headers (names in lower case), read the body, hand it on.

        Before anything is read: 401, 411, 400, 413, 415, 503.
        """
        refused = self._refused(headers)
        if refused is not None:
            return refused
        if not self._places.acquire(blocking=False):
            return refusal(503, "busy: come again", close=True, Retry_After="1")
        try:
            length = int(headers["content-length"])
            content = read(length)
            if len(content) != length:
                return refusal(400, f"the body ended after {len(content)} of {length} bytes", close=True)
            return self._take(content)
        finally:
            self._places.release()

    def _refused(self, headers: Mapping[str, str]) -> Reply | None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._token)
        if scheme.lower() != "bearer" or not right:
            return refusal(401, "a bearer token is needed", close=True, WWW_Authenticate="Bearer")
        length = headers.get("content-length")
        if length is None or headers.get("transfer-encoding"):
            return refusal(411, "a Content-Length is needed", close=True)
        if not (length.isascii() and length.isdigit()) or len(length) > 15:
            return refusal(400, "the Content-Length is not a number", close=True)
        if int(length) > self._most:
            return refusal(413, f"more than {self._most} bytes", close=True)
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return refusal(415, "the body must be application/json", close=True)
        return None
