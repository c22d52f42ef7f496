"""The outermost middleware: one server span, one set of metrics and one answer for every request, whatever happens."""

import logging
import time
from collections.abc import Callable, Sequence

from opentelemetry.trace import Span, SpanKind
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from protected_services.common.failures import Refused, UpstreamFailed
from protected_services.common.metrics import Metrics
from protected_services.common.tracing import W3C, Tracing, mark_error, trace_id

log = logging.getLogger(__name__)

QUIET_PATHS = frozenset({"/healthz", "/metrics"})
"""Asked several times a second by machines: answered, but neither traced nor counted."""

Failure = Callable[[Scope, int, str, dict[str, str]], Response]
"""Renders a failed request: scope, status, reason, field errors."""


class Observe:
    """Wraps an ASGI app. Exceptions become answers here and go no further."""

    def __init__(
        self, app: ASGIApp, routes: Sequence[BaseRoute], tracing: Tracing, metrics: Metrics, failure: Failure
    ) -> None:
        self._app, self._routes, self._tracing, self._metrics, self._failure = app, routes, tracing, metrics, failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in QUIET_PATHS:
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in {"GET", "POST", "HEAD"} else "_OTHER"
        route = self._route(scope)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        started = time.perf_counter()
        with self._tracing.tracer.start_as_current_span(
            f"{method} {route}" if route else method,
            context=W3C.extract(headers),
            kind=SpanKind.SERVER,
            attributes=_attributes(scope, method, route),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            status = await self._answer(scope, receive, send, span)
            span.set_attribute("http.response.status_code", status)
        label = route or "unmatched"
        self._metrics.requests.add(method, label, str(status))
        self._metrics.durations.observe(time.perf_counter() - started, method, label)
        if status >= 500:
            self._metrics.errors.add(method, label)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, span: Span) -> int:
        sent = 0

        async def watched(message: Message) -> None:
            nonlocal sent
            if message["type"] == "http.response.start":
                sent = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Refused as refused:
            response = self._failure(scope, refused.status, refused.reason, refused.errors)
        except UpstreamFailed as failed:
            mark_error(span, type(failed).__name__, str(failed))
            log.warning("upstream failed: %s", failed, extra={"trace_id": trace_id(span)})
            response = self._failure(scope, failed.status, f"{failed.service} is not available", {})
        except Exception as bug:  # the edge of the process: recorded, logged and answered
            span.record_exception(bug)
            mark_error(span, type(bug).__name__, str(bug))
            log.error("%s: %s", type(bug).__name__, bug, exc_info=True, extra={"trace_id": trace_id(span)})
            response = self._failure(scope, 500, "internal error", {})
        else:
            if sent >= 500:
                mark_error(span, str(sent))
            return sent
        if not sent:
            await response(scope, receive, watched)
        return response.status_code

    def _route(self, scope: Scope) -> str | None:
        for route in self._routes:
            if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL:
                return route.path
        return None


def json_failure(_scope: Scope, status: int, reason: str, errors: dict[str, str]) -> Response:
    """`{"error": reason}`, and `"fields"` where single fields were wrong."""
    return JSONResponse({"error": reason} | ({"fields": errors} if errors else {}), status)


def _attributes(scope: Scope, method: str, route: str | None) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "url.path": scope["path"],
        "url.scheme": scope["scheme"],
        "network.protocol.version": scope["http_version"],
    }
    if scope.get("server"):
        attributes |= {"server.address": scope["server"][0], "server.port": scope["server"][1] or 0}
    if route:
        attributes["http.route"] = route
    return attributes
