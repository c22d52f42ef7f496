"""An OpenAI-compatible endpoint on this machine that answers as it is told: well, badly, with malice, or not at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint sends. `drip`: byte by byte with this pause (s); `hold`: nothing until the endpoint ends."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drip: float | None = None
    hold: bool = False
    endless: bool = False


Script = Callable[[Seen], Answer]


def says(content: Any, usage: Any = None, **message: Any) -> Answer:
    """A chat completion. `content`: text, or JSON types that are sent as text."""
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    value = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text, **message}}
        ],
        "usage": usage if usage is not None else {"prompt_tokens": 900, "completion_tokens": 120, "total_tokens": 1020},
    }
    return Answer(json.dumps(value).encode())


def error(status: int, message: str = "no", **headers: str) -> Answer:
    return Answer(json.dumps({"error": {"message": message, "type": "x"}}).encode(), status, headers)


class Endpoint:
    """The running endpoint. Answers follow `script`, which may be changed at any time."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.script: Script = lambda _: says({})
        self.ending = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                seen = Seen(self.path, {k.lower(): v for k, v in self.headers.items()}, raw)
                outer.seen.append(seen)
                outer.send(self, outer.script(seen))

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        """Write one answer; a client that has gone is the expected end of a long one."""
        try:
            if answer.hold:
                self.ending.wait()
                return
            handler.send_response(answer.status)
            handler.send_header("content-type", "application/json")
            for name, value in answer.headers.items():
                handler.send_header(name, value)
            handler.end_headers()
            if answer.drip is not None:
                for byte in answer.body:
                    if self.ending.wait(answer.drip):
                        return
                    handler.wfile.write(bytes((byte,)))
                    handler.wfile.flush()
            handler.wfile.write(answer.body)
            while answer.endless and not self.ending.is_set():
                handler.wfile.write(answer.body)
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            return
        finally:
            handler.close_connection = True

    def stop(self) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def running() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    try:
        yield endpoint
    finally:
        endpoint.stop()
