"""A stand-in for the dashboard's server: the contract spoken with boards that tests make; it can fall silent or die."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dashboard.guard import CSP
from tests.machine import ROOT
from tests.stack.page.boards import Json, now, stamp
from tests.stack.page.details import TRACE, detail, waterfall
from tests.waiting import wait_for

STATIC: Final = ROOT / "dashboard" / "static"
TOKENS: Final = {"t-alice": ("alice", "admin"), "t-mallory": ("mallory", "read")}
RING: Final = 5_000


class Double:
    """One served page. `emit` puts an event on the stream; `posted` holds what people asked for, in order."""

    def __init__(self, board: Json, boot: str = "b1", port: int = 0) -> None:
        self.board, self.boot, self.seq = board, boot, 0
        self.ring: list[tuple[int, str, str]] = []
        self.past: list[tuple[str, Json]] = []
        self.posted: list[tuple[str, Json]] = []
        self.listened: list[str] = []
        self.login: tuple[str, str] | None = None
        self.trace: Json | None = waterfall()
        self.delay_s = 0.0
        self._new = threading.Condition()
        self._remember()
        self.port = port
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Serve, on the port of last time if there was one."""
        self._closing = False
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app(), log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=1
        )
        self._server, self._listener = uvicorn.Server(config), listener
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve(sockets=[listener])))
        self._thread.start()
        wait_for(lambda: self._server.started, what="the double serves")

    def stop(self) -> None:
        """Everything is closed, as when the process is killed."""
        self._closing = True
        self._server.should_exit = True
        self._thread.join(10)
        self._listener.close()

    def reboot(self, board: Json) -> None:
        """As a new process: another boot id, an empty ring."""
        self.boot, self.seq, self.board = self.boot + "x", 0, board
        self.ring.clear()

    def emit(self, kind: str, data: Any) -> str:
        """One event to everybody who listens, its id. Incident, switch and sources change the board, too."""
        with self._new:
            if kind == "incident":
                rest = [one for one in self.board["incidents"] if one["number"] != data["number"]]
                self.board = self.board | {"incidents": [data, *rest], "at": stamp(now())}
                self._remember()
            elif kind in ("switch", "sources"):
                self.board = self.board | {kind: data, "at": stamp(now())}
            self.seq += 1
            self.ring = [*self.ring, (self.seq, kind, json.dumps(data))][-RING:]
            self._new.notify_all()
            return f"{self.boot}-{self.seq}"

    def _remember(self) -> None:
        self.past.append((self.board["at"], self.board))

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/api/board", self._board),
                Route("/api/incidents/{number:int}", self._detail),
                Route("/api/traces/{trace}", self._trace),
                Route("/events", self._events),
                Route("/session", self._session, methods=["GET", "POST", "DELETE"]),
                Route("/api/incidents/{number:int}/say", self._say, methods=["POST"]),
                Route("/api/freeze", self._freeze, methods=["POST"]),
                Route("/api/unfreeze", self._freeze, methods=["POST"]),
                Mount("/static", StaticFiles(directory=STATIC)),
            ]
        )

    async def _page(self, _: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"Content-Security-Policy": CSP})

    def _at(self, request: Request) -> Json:
        asked = request.query_params.get("at")
        if asked is None:
            return self.board | {"at": stamp(now())}
        moment = datetime.fromisoformat(asked)
        known = [one for at, one in self.past if datetime.fromisoformat(at) <= moment]
        base = known[-1] if known else self.past[0][1] | {"incidents": [], "counts": {}}
        unknown = [s | {"health": "unknown", "series": None, "detail": "", "at": None} for s in base["services"]]
        return base | {"at": asked, "live": False, "business": None, "services": unknown, "thoughts": [], "fleet": []}

    async def _board(self, request: Request) -> Response:
        await asyncio.sleep(self.delay_s)
        return JSONResponse(self._at(request))

    async def _detail(self, request: Request) -> Response:
        for one in self._at(request)["incidents"]:
            if one["number"] == request.path_params["number"]:
                return JSONResponse(detail(one))
        return JSONResponse({"error": "no such incident"}, 404)

    async def _trace(self, request: Request) -> Response:
        if self.trace is None or request.path_params["trace"] != TRACE:
            return JSONResponse({"error": "Jaeger has no such trace (kept for 48 h)"}, 404)
        return JSONResponse(self.trace)

    async def _session(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.login = None
        if request.method == "POST":
            self.login = TOKENS.get((await request.json())["token"])
            if self.login is None:
                return JSONResponse({"error": "GitHub does not know this token"}, 401)
        login, permission = self.login or (None, None)
        return JSONResponse({"login": login, "permission": permission})

    async def _say(self, request: Request) -> Response:
        if self.login is None:
            return JSONResponse({"error": "sign in first"}, 401)
        number, body = request.path_params["number"], await request.json()
        self.posted.append((f"say {number}", body))
        return JSONResponse({"comment_url": f"{self.board['issues_url']}/{number}#issuecomment-77"}, 202)

    async def _freeze(self, request: Request) -> Response:
        if self.login is None:
            return JSONResponse({"error": "sign in first"}, 401)
        body, freezing = await request.json(), request.url.path == "/api/freeze"
        self.posted.append((request.url.path, body))
        why = body.get("why", "") if freezing else ""
        url = f"{self.board['issues_url']}/1" if freezing else None
        self.emit("switch", {"frozen": freezing, "why": why, "url": url, "readable": True})
        return JSONResponse({}, 202)

    async def _events(self, request: Request) -> Response:
        after = request.headers.get("Last-Event-ID") or request.query_params.get("after") or ""
        self.listened.append(after)
        boot, _, seq = after.rpartition("-")
        oldest = self.ring[0][0] if self.ring else self.seq + 1
        caught_up = boot == self.boot and seq.isdecimal() and oldest - 1 <= int(seq) <= self.seq
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        stream = self._stream(int(seq) if caught_up else None)
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    async def _stream(self, seq: int | None) -> AsyncIterator[str]:
        if seq is None:
            seq = self.seq
            yield _event(f"{self.boot}-{seq}", "board", json.dumps(self.board | {"at": stamp(now())}))
        yield ": here\n\n"
        while not self._closing:
            waiting = [one for one in self.ring if one[0] > seq]
            for seq, kind, data in waiting:
                yield _event(f"{self.boot}-{seq}", kind, data)
            if not waiting:
                await asyncio.to_thread(self._rest, seq)

    def _rest(self, seq: int) -> None:
        with self._new:
            self._new.wait_for(lambda: self.seq > seq or self._closing, timeout=0.25)


def _event(name: str, kind: str, data: str) -> str:
    return f"id: {name}\nevent: {kind}\ndata: {data}\n\n"
