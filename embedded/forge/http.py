"""The few HTTP things the forge needs below a framework: read a body, send an answer, hang up."""

import base64
import binascii
import functools
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

HANG_UP = "forge.hang_up"
"""Where the scope keeps the way to close the connection."""


class HangUpProtocol(H11Protocol):
    """uvicorn's protocol, giving the application a way to close the connection without an answer."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app = functools.partial(_with_hang_up, self.app, transport)


async def _with_hang_up(app: ASGIApp, transport: Any, scope: Scope, receive: Receive, send: Send) -> None:
    scope[HANG_UP] = transport.abort
    await app(scope, receive, send)


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection without an answer, and return when it is closed."""
    scope[HANG_UP]()
    while (await receive())["type"] != "http.disconnect":
        pass


async def read_body(receive: Receive) -> bytes:
    """The whole request body."""
    pieces = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return b"".join(pieces)


async def send_answer(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    """One complete answer."""
    lines = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    if status not in {204, 304}:
        lines.append((b"Content-Length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": b"" if status in {204, 304} else body})


def header_of(scope: Scope, name: bytes) -> str:
    """A request header, "" when absent. `name` in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""


def token_of(scope: Scope) -> str | None:
    """The token of `Authorization: token X`, `Bearer X` or basic (as password, or as user name without one).

    None when the header is absent, "" when it cannot be read.
    """
    header = header_of(scope, b"authorization")
    if not header:
        return None
    scheme, _, rest = header.partition(" ")
    if scheme.lower() in {"token", "bearer"}:
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        name, _, password = base64.b64decode(rest, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return password if password and password != "x-oauth-basic" else name  # noqa: S105
