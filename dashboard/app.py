"""The dashboard as one ASGI application: the page, the board and its parts, the stream, and what a person may say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from dashboard.doors import Door, No, Switches
from dashboard.follow import Follow
from dashboard.guard import Guard
from dashboard.hub import UNREAD, Hub
from dashboard.ring import dumps
from dashboard.sessions import LASTS, Session, Sessions
from dashboard.spoken import NotACommand, read_command
from shared.incident.commands import COMMANDS, RANK
from shared.ports import Permanent, Traces, Transient
from shared.runtime.meter import CONTENT_TYPE, Meter

STATIC: Final = Path(__file__).with_name("static")
COOKIE: Final = "sre_dashboard"
PING: Final = 10
"""Seconds between two heartbeats of a stream."""
SEND_WITHIN: Final = 20.0
"""Seconds a client may take for one piece of the stream; one that takes longer is let go, and comes back by its id."""
MOST_CLIENTS: Final = 200
WHY: Final = 500
"""Characters of a reason."""


@dataclass(slots=True)
class Parts:
    """What the application is made of. `look(number)`: read that issue soon; 0: the freeze switch."""

    hub: Hub
    door: Door
    sessions: Sessions
    switches: Switches
    traces: Traces
    trace_page: Callable[[str], str | None]
    """The trace store's own page of a trace."""
    state: Callable[[], tuple[bool, Mapping[str, Any]]] = lambda: (True, {})
    look: Callable[[int], None] = lambda _: None
    hosts: Collection[str] = ()
    meter: Meter = field(default_factory=Meter)
    static: Path = STATIC


class Json(Response):
    """JSON that nobody may keep."""

    media_type = "application/json"

    def __init__(self, content: object, status_code: int = 200) -> None:
        super().__init__(dumps(content), status_code, {"Cache-Control": "no-store"})

    def render(self, content: Any) -> bytes:
        return str(content).encode(errors="replace")


def build(parts: Parts) -> ASGIApp:
    """The application, guarded."""
    pages, people = _Pages(parts), _People(parts)
    routes = [
        Route("/", pages.index),
        Route("/healthz", pages.healthz),
        Route("/metrics", pages.metrics),
        Route("/events", pages.events),
        Route("/api/board", pages.board),
        Route("/api/incidents/{number:int}", pages.incident),
        Route("/api/incidents/{number:int}/say", people.say, methods=["POST"]),
        Route("/api/traces/{trace_id}", pages.trace),
        Route("/api/freeze", people.freeze, methods=["POST"]),
        Route("/api/unfreeze", people.unfreeze, methods=["POST"]),
        Route("/session", people.session, methods=["GET", "POST", "DELETE"]),
        *([Mount("/static", StaticFiles(directory=parts.static))] if parts.static.is_dir() else []),
    ]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        parts.hub.ring.attach(asyncio.get_running_loop())
        try:
            yield
        finally:
            parts.hub.ring.detach()

    errors: dict[Any, Any] = {HTTPException: _http_error, No: _no}
    return Guard(Starlette(routes=routes, lifespan=lifespan, exception_handlers=errors), parts.hosts)


class _Pages:
    """What anybody on this machine may read."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._hub = parts.hub
        self._follow = Follow(parts.hub)
        meter, follow, ring = parts.meter, self._follow, parts.hub.ring
        meter.gauge("sre_dashboard_clients", "Pages that follow the stream.", lambda: float(follow.clients))
        meter.gauge("sre_dashboard_ring_events", "Events that can be caught up with.", lambda: float(len(ring)))
        meter.gauge("sre_dashboard_lag_events", "Events the slowest page is behind.", lambda: float(follow.lag))
        meter.counted("sre_dashboard_published_total", "Events published.", lambda: float(ring.seq))
        meter.counted("sre_dashboard_sent_total", "Events sent, to all pages.", lambda: float(follow.sent))
        meter.counted("sre_dashboard_boards_total", "Boards sent afresh.", lambda: float(follow.boards))

    async def index(self, _: Request) -> Response:
        page = self._parts.static / "index.html"
        if not page.exists():
            return PlainTextResponse("The page is not installed; /api/board and /events are here.", 200)
        return FileResponse(page, headers={"Cache-Control": "no-cache"})

    async def healthz(self, _: Request) -> Response:
        well, details = self._parts.state()
        return Json({"ok": well, **details}, 200 if well else 503)

    async def metrics(self, _: Request) -> Response:
        return Response(self._parts.meter.text(), media_type=CONTENT_TYPE)

    async def board(self, request: Request) -> Response:
        at = _moment(request)
        if at is None:
            return Json(await run_in_threadpool(self._hub.board))
        return Json(await run_in_threadpool(self._then, at))

    async def incident(self, request: Request) -> Response:
        number, at = int(request.path_params["number"]), _moment(request)
        found = await run_in_threadpool(self._hub.detail, number, at)
        if found is None:
            raise HTTPException(404, f"#{number} is no incident" + (" at that time" if at else " that is known here"))
        return Json(found)

    async def trace(self, request: Request) -> Response:
        trace_id = str(request.path_params["trace_id"]).lower()
        if not 1 <= len(trace_id) <= 32 or not set(trace_id) <= set("0123456789abcdef"):
            raise HTTPException(404, "that is no trace id")
        try:
            trace = await run_in_threadpool(self._parts.traces.trace, trace_id)
        except (Transient, Permanent) as failure:
            raise HTTPException(404, f"the trace store is away: {self._hub.secrets.text(str(failure))}") from failure
        from dashboard.waterfall import waterfall  # it loads numpy, which most visits do not need

        shown = waterfall(trace, self._parts.trace_page(trace_id)) if trace is not None else None
        if shown is None:
            raise HTTPException(404, "the trace store has no such trace; it keeps traces for a while only")
        return Json(self._hub.secrets.json(shown))

    async def events(self, request: Request) -> Response:
        if self._follow.clients >= MOST_CLIENTS:
            raise HTTPException(503, f"{MOST_CLIENTS} pages follow already")
        last = request.headers.get("last-event-id") or request.query_params.get("after") or ""
        return EventSourceResponse(self._follow.stream(last), ping=PING, send_timeout=SEND_WITHIN, sep="\n")

    def _then(self, at: datetime) -> Mapping[str, Any]:
        try:
            switch = self._parts.switches.at(at)
        except (Transient, Permanent):
            switch = {**UNREAD, "why": "what the switch was then cannot be read"}
        return self._hub.board_as_of(at, switch)


class _People:
    """What a person may do: each as themselves, with their own token."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._sessions = parts.sessions

    async def session(self, request: Request) -> Response:
        match request.method:
            case "POST":
                return await self._sign_in(request)
            case "DELETE":
                self._sessions.close(request.cookies.get(COOKIE))
                answer = Json({"login": None})
                answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
                return answer
            case _:
                session = self._sessions.get(request.cookies.get(COOKIE))
                if session is None:
                    return Json({"login": None})
                return Json(await self._who(session))

    async def say(self, request: Request) -> Response:
        number, session = int(request.path_params["number"]), self._writing(request)
        body = await _object(request)
        try:
            name, line = read_command(_text(body, "command", required=True))
        except NotACommand as no:
            raise HTTPException(400, str(no)) from no
        if self._parts.hub.logs.get(number) is None:
            raise HTTPException(404, f"#{number} is no incident that is known here")
        await self._allowed(session, COMMANDS[name], f"/{name}")
        url = await run_in_threadpool(session.person.say, number, line)
        self._parts.look(number)
        return Json({"comment_url": url}, 202)

    async def freeze(self, request: Request) -> Response:
        session = self._writing(request)
        why = _text(await _object(request), "why")[:WHY]
        await self._allowed(session, "write", "freezing")
        url = await run_in_threadpool(session.person.freeze, why)
        self._parts.look(0)
        return Json({"url": url}, 202)

    async def unfreeze(self, request: Request) -> Response:
        session = self._writing(request)
        await self._allowed(session, "write", "unfreezing")
        urls = await run_in_threadpool(session.person.unfreeze)
        self._parts.look(0)
        return Json({"closed": urls}, 202)

    async def _sign_in(self, request: Request) -> Response:
        if not self._sessions.may_sign_in():
            raise HTTPException(429, "too many attempts; wait a minute")
        token = _text(await _object(request), "token", required=True).strip()
        if not 1 <= len(token) <= 1000 or not token.isascii() or not token.isprintable() or " " in token:
            raise HTTPException(400, "that is no token")
        person = await run_in_threadpool(self._parts.door.as_person, token)
        permission = await run_in_threadpool(person.permission)
        cookie = self._sessions.open(person, token)
        self._sessions.close(request.cookies.get(COOKIE))
        answer = Json({"login": person.login, "permission": permission})
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, cookie, int(LASTS), path="/", secure=secure, httponly=True, samesite="strict")
        return answer

    async def _who(self, session: Session) -> dict[str, str]:
        return {"login": session.person.login, "permission": await run_in_threadpool(session.person.permission)}

    def _writing(self, request: Request) -> Session:
        session = self._sessions.get(request.cookies.get(COOKIE))
        if session is None:
            raise HTTPException(401, "sign in first")
        if not self._sessions.may_write(session):
            raise HTTPException(429, "too many writes; wait a minute")
        return session

    async def _allowed(self, session: Session, least: str, what: str) -> None:
        """Looked up now. Guardrail looks again: this only spares a comment that would be refused."""
        permission = await run_in_threadpool(session.person.permission)
        if RANK.get(permission, 0) < RANK[least]:
            raise HTTPException(403, f"{what} needs {least} permission; {session.person.login} has {permission}")


async def _object(request: Request) -> Mapping[str, Any]:
    """The body's JSON object; nothing for an empty body."""
    body = await request.body()
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "not JSON") from error
    if not isinstance(value, dict):
        raise HTTPException(400, "not an object")
    return value


def _text(body: Mapping[str, Any], key: str, *, required: bool = False) -> str:
    value = body.get(key, None if required else "")
    if not isinstance(value, str):
        raise HTTPException(400, f"{key} must be a text")
    return value


def _moment(request: Request) -> datetime | None:
    """The `at` of a request, in UTC; None without one."""
    given = request.query_params.get("at")
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given.replace(" ", "+"))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise HTTPException(400, "at must be an RFC 3339 time") from error


async def _http_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return Json({"error": error.detail if isinstance(error, HTTPException) else "error"}, status)


async def _no(_: Request, error: Exception) -> Response:
    return Json({"error": str(error)}, error.status if isinstance(error, No) else 403)
