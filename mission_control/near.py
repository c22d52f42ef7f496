"""HTTP to this very machine, with the standard library: what the embedded forge is asked with.

requests takes a fifth of a short command's time to load. Whoever is elsewhere is asked with it: proxies, certificates
and redirects are its business, and none of them is between here and a port of this machine.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

HERE: Final = frozenset(("127.0.0.1", "localhost", "::1"))
_AS_IT_IS: Final = "!#$%&'()*+,/:;=?@[]~"


class NoAnswer(Exception):
    """Nobody answers there, or not in HTTP, or not in time."""


@dataclass(frozen=True, slots=True)
class NearAnswer:
    """One answer, read whole. Its names are those of requests, so that one code reads both."""

    status_code: int
    reason: str
    headers: Message
    content: bytes
    elapsed: timedelta

    def json(self) -> Any:
        """Raises ValueError."""
        return json.loads(self.content)


def is_near(url: str) -> bool:
    """Whether this machine is meant, without TLS."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in HERE


def ask(method: str, url: str, headers: dict[str, str], timeout: float, *, params: dict[str, Any] | None = None,
        json: Any = None) -> NearAnswer:  # fmt: skip
    """One request of `timeout` seconds on a connection of its own. Redirects are answers. Raises NoAnswer."""
    parts = urlsplit(url)
    path = quote(parts.path + (f"?{parts.query}" if parts.query else ""), safe=_AS_IT_IS)
    if params:
        path += ("&" if parts.query else "?") + urlencode(params, doseq=True)
    body = None if json is None else _encoded(json)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    started = time.monotonic()
    try:
        connection.request(method, path, body, headers | ({"Content-Type": "application/json"} if body else {}))
        answer = connection.getresponse()
        return NearAnswer(
            answer.status, answer.reason, answer.msg, answer.read(), timedelta(seconds=time.monotonic() - started)
        )
    except (OSError, HTTPException) as error:
        raise NoAnswer(type(error).__name__) from error
    finally:
        connection.close()


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()
