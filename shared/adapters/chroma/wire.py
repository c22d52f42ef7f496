"""Chroma's client over connections that end: in time, with answers of bounded size, without a proxy. Loads chromadb.

chromadb's own `HttpClient` asks three questions while it is made and waits for ever (chroma-core/chroma#5805); what it
is made of (`System`, `FastAPI`) asks nothing before it is used.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from urllib.parse import urlsplit

import httpx
from chromadb.api.fastapi import FastAPI
from chromadb.config import Settings, System

from shared.adapters.chroma.failures import NotThere
from shared.ports import Permanent, Transient

MOST_BYTES: Final = 64 * 1024 * 1024
"""Of one answer; a larger one is refused instead of filling the memory."""
_LATER: Final = (408, 409, 429)
_until: ContextVar[float] = ContextVar("until")


@contextmanager
def within(until: float) -> Iterator[None]:
    """Every request inside ends at `until` (`time.monotonic()`), answered or not."""
    token = _until.set(until)
    try:
        yield
    finally:
        _until.reset(token)


def client(url: str) -> FastAPI:
    """Asks nothing yet. Telemetry is off; chromadb's own .env file and variables decide nothing of this."""
    parts = urlsplit(url)
    settings = Settings(
        _env_file=None,
        chroma_api_impl="chromadb.api.fastapi.FastAPI",
        chroma_server_host=url,
        chroma_server_http_port=parts.port or (443 if parts.scheme == "https" else 80),
        chroma_server_ssl_enabled=parts.scheme == "https",
        chroma_server_headers=None,
        chroma_client_auth_provider=None,
        anonymized_telemetry=False,
        chroma_otel_collection_endpoint="",
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)  # else a line for each request
    made = System(settings).instance(FastAPI)
    made._session.close()
    made._session = httpx.Client(
        transport=_Bounded(url), headers={"Content-Type": "application/json"}, trust_env=False, follow_redirects=False
    )
    return made


class _Bounded(httpx.BaseTransport):
    """Raises Transient, Permanent or NotThere for whatever is no success."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._inner = httpx.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        until = _until.get()
        left = max(until - time.monotonic(), 0.001)
        request.extensions["timeout"] = {"connect": left, "read": left, "write": left, "pool": left}
        request.headers["Accept-Encoding"] = "identity"
        try:
            answer = self._inner.handle_request(request)
            try:
                body = self._body(answer, until)
            finally:
                answer.close()
        except httpx.HTTPError as error:
            raise Transient(f"Chroma at {self._url} does not answer: {type(error).__name__}") from error
        self._look(answer.status_code, body)
        return httpx.Response(answer.status_code, headers=answer.headers, content=body)

    def close(self) -> None:
        self._inner.close()

    def _body(self, answer: httpx.Response, until: float) -> bytes:
        parts, size = [], 0
        stream = answer.stream
        if not isinstance(stream, httpx.SyncByteStream):
            raise TypeError(stream)
        for part in stream:
            size += len(part)
            if size > MOST_BYTES:
                raise Permanent(f"an answer of Chroma at {self._url} is larger than {MOST_BYTES} bytes")
            if time.monotonic() > until:
                raise Transient(f"Chroma at {self._url} does not come to an end with its answer")
            parts.append(part)
        return b"".join(parts)

    def _look(self, status: int, body: bytes) -> None:
        if status < 300:
            return
        said = f"Chroma at {self._url} answers {status}: {_reason(body)}"
        if status == 404:
            raise NotThere(said)
        if status >= 500 or status in _LATER:
            raise Transient(said)
        raise Permanent(said)


def _reason(body: bytes) -> str:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return str(said.get("message", ""))[:200] if isinstance(said, dict) else ""
