"""The answers that go on: events, followed logs, stats and wait."""

from __future__ import annotations

import json
import queue
import struct
import time
from collections.abc import Callable
from typing import Any

from embedded.engine.container import Container
from embedded.engine.errors import ApiError
from embedded.engine.exchange import Answer, Request, Response, StreamResponse
from embedded.engine.filters import EVENT_KEYS, event_matches, parse_filters
from embedded.engine.logbook import LogLine
from embedded.engine.registry import Registry
from embedded.engine.times import parse_when, rfc3339
from embedded.engine.views import stats

Write = Callable[[bytes], None]
LOOK_UP = 0.5
"""Seconds between looks whether the client is still there; what there is to send goes out at once."""
_RAW_STREAM = "application/vnd.docker.raw-stream"


def events(engine: Registry, request: Request) -> Answer:
    """`GET /events`: JSON lines, from `since` if given, until `until` or the client leaves."""
    now = time.time_ns()
    filters = parse_filters(request.query.get("filters"), EVENT_KEYS)
    since, until = (parse_when(request.query[k], now) if request.query.get(k) else None for k in ("since", "until"))
    if since is None and until is not None:
        since = 0

    def produce(write: Write) -> None:
        with engine.bus.subscribe(since) as inbox:
            while request.open():
                left = LOOK_UP if until is None else min(LOOK_UP, max(0.0, (until - time.time_ns()) / 1e9))
                event: dict[str, Any] | None = None
                try:
                    event = inbox.get(timeout=left) if left else inbox.get_nowait()
                except queue.Empty:
                    if until is not None and time.time_ns() >= until:
                        return
                if event is None:
                    continue
                if until is not None and event["timeNano"] > until:
                    return
                if event_matches(event, filters):
                    write(json.dumps(event).encode() + b"\n")

    return StreamResponse(produce)


def logs(container: Container, request: Request) -> Answer:
    """`GET /containers/ID/logs`: frames of an 8-byte header (stream, 0, 0, 0, big-endian length) and the line."""
    wanted = {stream for stream in ("stdout", "stderr") if request.flag(stream)}
    if not wanted:
        raise ApiError(400, "Bad parameters: you must choose at least one stream")
    now = time.time_ns()
    since = parse_when(request.query["since"], now) if request.query.get("since") else 0
    until = parse_when(request.query["until"], now) if request.query.get("until", "0") != "0" else None
    tail_text = request.query.get("tail", "all")
    tail = int(tail_text) if tail_text.isdigit() else None
    timestamps = request.flag("timestamps")

    def frame(line: LogLine) -> bytes:
        text = f"{rfc3339(line.time)} ".encode() + line.text if timestamps else line.text
        return struct.pack(">BxxxL", 1 if line.stream == "stdout" else 2, len(text)) + text

    def produce(write: Write) -> None:
        if not request.flag("follow"):
            write(b"".join(frame(line) for line in container.book.read(since, until, tail) if line.stream in wanted))
            return
        with container.book.follow(since, tail) as (stored, inbox):
            write(b"".join(frame(line) for line in stored if line.stream in wanted))
            with container.changed:
                ended = not container.state.running
            while request.open():
                try:
                    line = inbox.get(timeout=0 if ended else LOOK_UP)
                except queue.Empty:
                    if ended:
                        return
                    continue
                if line is None:
                    return
                if line.stream in wanted:
                    write(frame(line))

    return StreamResponse(produce, _RAW_STREAM)


def statistics(container: Container, request: Request) -> Answer:
    """`GET /containers/ID/stats`: one object, or with stream=true (the default) one a second."""
    if not request.flag("stream", default=True):
        return Response(data=stats(container))

    def produce(write: Write) -> None:
        previous: dict[str, Any] | None = None
        while request.open() and not container.removed:
            current = stats(container)
            if previous:
                current |= {"precpu_stats": previous["cpu_stats"], "preread": previous["read"]}
            write(json.dumps(current).encode() + b"\n")
            previous = current
            request.stopping.wait(1.0)

    return StreamResponse(produce)


def wait(container: Container, request: Request) -> Answer:
    """`POST /containers/ID/wait`: the headers at once, the exit code when the condition holds."""
    condition = request.query.get("condition") or "not-running"
    if condition not in ("not-running", "next-exit", "removed"):
        raise ApiError(400, f'invalid condition: "{condition}"')

    def produce(write: Write) -> None:
        code = container.wait(condition, request.stopping)
        if not request.stopping.is_set():
            write(json.dumps({"Error": None, "StatusCode": code}).encode() + b"\n")

    return StreamResponse(produce)
