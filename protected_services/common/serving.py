"""Runs one service: settings, log, spans, metrics, events, faults and an HTTP server, and stops them all in order."""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import BaseRoute, Route, Router
from starlette.types import Receive, Scope, Send

from protected_services.common.calls import Calls
from protected_services.common.configuration import BadConfiguration, Configuration
from protected_services.common.events import Events
from protected_services.common.failures import Refused
from protected_services.common.faultfile import FaultFile
from protected_services.common.faults import FaultMiddleware, Faults, Process
from protected_services.common.metrics import CONTENT_TYPE, Metrics
from protected_services.common.observe import Failure, Observe, json_failure
from protected_services.common.settings import Settings, read_settings
from protected_services.common.tracing import Tracing

log = logging.getLogger(__name__)

GRACE_S = 1.0
"""How long requests under way may take after SIGTERM, and again how long spans and events have to leave."""


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What a service is built with."""

    settings: Settings
    metrics: Metrics
    calls: Calls
    events: Events
    configuration: Configuration


@dataclass(frozen=True, slots=True)
class Application:
    """What a service is: its routes, how its failures look, and work it does besides answering."""

    routes: Sequence[BaseRoute]
    failure: Failure = json_failure
    background: Callable[[], Awaitable[None]] | None = None


def run(name: str, build: Callable[[Toolbox], Application], argv: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. One line of JSON on stdout says when it is ready; logs are JSON on stderr.

    Exits with status 2 and one line on stderr when a setting or a configuration value cannot be used.
    """
    settings = read_settings(name, sys.argv[1:] if argv is None else argv)
    _log_as_json(settings.service)
    asyncio.run(_serve(settings, build))


async def _serve(settings: Settings, build: Callable[[Toolbox], Application]) -> None:
    tracing, metrics = Tracing(settings), Metrics(settings.started_at)
    events, calls = Events(settings, metrics), Calls(tracing.tracer)
    try:
        application = build(Toolbox(settings, metrics, calls, events, Configuration()))
    except BadConfiguration as bad:
        events.close(0.0)
        tracing.close(0.0)
        sys.stderr.write(f"{settings.service}: {bad}\n")
        sys.exit(2)
    faults = Faults(Process(asyncio.get_running_loop(), settings.started_at))
    watch = settings.faults_file and FaultFile(
        settings.faults_file, settings.service, settings.started_at, faults.changed
    )
    routes = [*application.routes, *_own_routes(settings, metrics)]
    app = Observe(
        FaultMiddleware(Router(routes, default=_nothing_here), faults), routes, tracing, metrics, application.failure
    )
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            http="h11",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,  # longer than the callers keep theirs, so a reused connection is an open one
            timeout_graceful_shutdown=int(GRACE_S),
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    listening = _listen(settings)
    background = asyncio.create_task(_background(application, server))
    if watch:
        watch.start()
    try:
        await server.serve(sockets=[listening])
    finally:
        if watch:
            watch.stop()
        background.cancel()
        await calls.close()
        events.close(GRACE_S / 2)
        tracing.close(GRACE_S / 2)


class _Server(uvicorn.Server):
    """uvicorn, saying on stdout when it accepts requests."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = (sockets or self.servers[0].sockets)[0].getsockname()[:2]
        shown = "127.0.0.1" if host == "0.0.0.0" else host
        sys.stdout.write(json.dumps({"ready": True, "url": f"http://{shown}:{port}", "pid": os.getpid()}) + "\n")
        sys.stdout.flush()


async def _background(application: Application, server: _Server) -> None:
    if application.background is None:
        return
    try:
        await application.background()
    except Exception:
        log.exception("the background work ended, stopping")
        server.should_exit = True


async def _nothing_here(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise Refused(404, "there is nothing here")


def _listen(settings: Settings) -> socket.socket:
    listening = socket.socket(proto=socket.IPPROTO_TCP)  # named, or asyncio leaves Nagle on: 40 ms an answer
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as taken:
        sys.exit(f"{settings.service}: cannot listen on {settings.host}:{settings.port}: {taken.strerror}")
    return listening


def _own_routes(settings: Settings, metrics: Metrics) -> list[BaseRoute]:
    alive = {
        "status": "ok",
        "service": settings.service,
        "version": settings.version,
        "pid": os.getpid(),
        "started_at": datetime.fromtimestamp(settings.started_at, UTC).isoformat().replace("+00:00", "Z"),
    }

    async def healthz(_request: Request) -> JSONResponse:
        return JSONResponse(alive)

    async def exposition(_request: Request) -> PlainTextResponse:
        return PlainTextResponse(metrics.text(), headers={"content-type": CONTENT_TYPE})

    return [Route("/healthz", healthz), Route("/metrics", exposition)]


class _JsonLines(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "service": self._service,
            "event": record.getMessage(),
        }
        if trace := getattr(record, "trace_id", None):
            line["trace_id"] = trace
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _log_as_json(service: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines(service))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # a lost span is no news in a service's log
