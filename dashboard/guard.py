"""What stands before every request: whose page it may come from, how large it may be, and what the answer may do."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY: Final = 16 * 1024
"""Bytes of a request."""
LOCAL: Final = frozenset(("127.0.0.1", "localhost", "[::1]"))
FIRST: Final = "sha256-w6QFLLsRuKgjfYJ2IkfXGMoIR/Ul04ImCjvi6Kd0dZs="
"""The one script that stands in the page itself: static/index.html. A page that could lose it could not mend itself."""
CSP: Final = (
    f"default-src 'none'; script-src 'self' '{FIRST}'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Final = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
)
"""On every answer."""
READING: Final = frozenset(("GET", "HEAD"))
OPEN: Final = frozenset(("/healthz", "/metrics"))
"""Numbers about this process, for whoever asks by whatever name: Prometheus knows it by another."""


class Guard:
    """Wraps an application. `hosts`: names besides this machine's own by which people reach it."""

    def __init__(self, app: ASGIApp, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._hosts = LOCAL | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            return  # there is none here, and a page of somebody else may open one
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _answer(send, *refusal)
            return
        body = b""
        if scope["method"] not in READING:
            taken = await _body(receive)
            if taken is None:
                await _answer(send, 413, f"at most {MOST_BODY} bytes")
                return
            body = taken
        await self._app(scope, _replayed(body, receive), _with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """The status and words of a refusal; None for what may pass."""
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        hosts = [value for name, value in headers if name == "host"]
        if scope["method"] in READING and scope["path"] in OPEN:
            return None
        if len(hosts) != 1 or _name_of(hosts[0]) not in self._hosts:
            return 421, "this dashboard is not called that"
        if scope["method"] in READING:
            return None
        given = dict(headers)
        if given.get("origin", "").lower() not in (f"http://{hosts[0].lower()}", f"https://{hosts[0].lower()}"):
            return 403, "only the dashboard's own page may do this"
        if given.get("sec-fetch-site", "same-origin") != "same-origin":
            return 403, "only the dashboard's own page may do this"
        if given.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return 415, "only application/json"
        length = given.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > MOST_BODY:
            return 413, f"at most {MOST_BODY} bytes"
        return None


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    name, colon, port = host.rpartition(":")
    if colon and port.isascii() and port.isdigit():
        return name.lower()
    return host.lower()


async def _body(receive: Receive) -> bytes | None:
    """All of a request's body; None when it is too large."""
    taken = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(taken)
        taken += message.get("body", b"")
        if len(taken) > MOST_BODY:
            return None
        if not message.get("more_body"):
            return bytes(taken)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body that was read, once; then whatever comes."""
    told = False

    async def again() -> Message:
        nonlocal told
        if not told:
            told = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in dict(HEADERS)]
            message = {**message, "headers": [*kept, *HEADERS]}
        await send(message)

    return sending


async def _answer(send: Send, status: int, error: str) -> None:
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *HEADERS]
    headers += [(b"cache-control", b"no-store"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
