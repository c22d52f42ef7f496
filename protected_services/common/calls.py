"""Calls from one service to another: two seconds, a client span, the W3C trace context passed on."""

import asyncio
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
# httpx without its command line, which httpx itself treats as optional: saves 150 ms and 6 MB of rich and pygments.

import httpx  # noqa: E402
from opentelemetry.trace import Span, SpanKind, Tracer  # noqa: E402

from protected_services.common.failures import UpstreamFailed, UpstreamTimedOut  # noqa: E402
from protected_services.common.tracing import W3C, mark_error  # noqa: E402

CALL_TIMEOUT_S = 2.0
BUSINESS_STATUSES = frozenset({404, 409, 410, 422})
"""4xx answers that are part of the conversation. The semantic conventions mark a client's 4xx as an error unless the
instrumentation knows better; here it does, and a stranger guessing quote numbers must not look like a fault."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status below 500 and the JSON object of the body."""

    status: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Peer:
    """A service that can be called: its name and base URL."""

    name: str
    url: str


def http_client(timeout_s: float) -> httpx.AsyncClient:
    """A pooled client for plain http on trusted networks. It loads no CA roots, so https is refused, not unchecked."""
    return httpx.AsyncClient(
        timeout=timeout_s,
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        trust_env=False,
        limits=httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=5.0),
    )


class Calls:
    """The client side of a service."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._client = http_client(CALL_TIMEOUT_S)

    async def get(self, peer: Peer, path: str, route: str) -> Answer:
        """GET `path`; `route` is its template, for the span's name."""
        return await self._send(peer, "GET", path, route, None)

    async def post(self, peer: Peer, path: str, route: str, body: Mapping[str, Any]) -> Answer:
        """POST `body` as JSON. Never retried: the caller decides what a lost answer means."""
        return await self._send(peer, "POST", path, route, body)

    async def close(self) -> None:
        await self._client.aclose()

    async def _send(self, peer: Peer, method: str, path: str, route: str, body: Mapping[str, Any] | None) -> Answer:
        url = httpx.URL(peer.url + path)
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "url.full": str(url),
            "url.template": route,
            "server.address": url.host,
            "server.port": url.port or 80,
            "peer.service": peer.name,
        }
        with self._tracer.start_as_current_span(
            f"{method} {route}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            headers: dict[str, str] = {}
            W3C.inject(headers)
            try:
                async with asyncio.timeout(CALL_TIMEOUT_S):
                    response = await self._client.request(method, url, json=body, headers=headers)
            except (TimeoutError, httpx.TimeoutException) as slow:
                raise _failed(span, UpstreamTimedOut(peer.name, f"no answer within {CALL_TIMEOUT_S:g} s")) from slow
            except httpx.TransportError as broken:
                raise _failed(span, UpstreamFailed(peer.name, f"{type(broken).__name__}: {broken}")) from broken
            return _answer(span, peer, response)


def _answer(span: Span, peer: Peer, response: httpx.Response) -> Answer:
    status = response.status_code
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        mark_error(span, str(status))
        kind = UpstreamTimedOut if status == 504 else UpstreamFailed
        raise kind(peer.name, f"answered {status}")
    if status >= 400 and status not in BUSINESS_STATUSES:
        mark_error(span, str(status))
    try:
        body = response.json()
    except ValueError as bad:
        raise _failed(span, UpstreamFailed(peer.name, "answered with something other than JSON")) from bad
    if not isinstance(body, dict):
        raise _failed(span, UpstreamFailed(peer.name, "answered with something other than a JSON object"))
    return Answer(status, body)


def _failed(span: Span, failure: UpstreamFailed) -> UpstreamFailed:
    span.record_exception(failure)
    mark_error(span, type(failure).__name__, failure.detail)
    return failure
