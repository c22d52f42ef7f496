"""A small threaded HTTP/1.1 server: read a bounded body, answer with one `Answer`. Nothing else is served here."""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

log = logging.getLogger("embedded.traces")

MAX_BODY = 32 * 1024 * 1024
"""Bytes of one request body, before and after gzip."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `path` is not decoded; `body` is, if it was gzip."""

    method: str
    path: str
    params: Mapping[str, list[str]]
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(document: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(document, separators=(",", ":")).encode())


class Refused(Exception):
    """The request cannot be read: `status` and one line why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


Respond = Callable[[Request], Answer]


class Server(ThreadingHTTPServer):
    """Serves `respond` on 127.0.0.1:port (0: any free port) from a thread, until `stop`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, respond: Respond) -> None:
        """Raises OSError when the port is taken."""
        self.respond = respond
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def server_bind(self) -> None:
        """As the base class without its reverse look-up of the host name, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request
        if isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            log.debug("connection from %s ended early", client_address)
        else:
            log.exception("a request from %s failed", client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "sre-space-traces"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120
    server: Server

    def _answer(self) -> None:
        try:
            url = urlsplit(self.path)
            request = Request(
                self.command,
                url.path,
                parse_qs(url.query, keep_blank_values=True, max_num_fields=200),
                self.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
                self._body(),
            )
            answer = self.server.respond(request)
        except Refused as refusal:
            self.close_connection = True  # the body may still be in the pipe
            answer = as_json({"code": refusal.status, "message": str(refusal)}, refusal.status)
        except ValueError:  # urlsplit or parse_qs
            answer = as_json({"code": 400, "message": "malformed URL"}, 400)
        self.send_response(answer.status)
        for name, value in {
            "Content-Type": answer.content_type,
            "Content-Length": str(len(answer.body)),
            "X-Content-Type-Options": "nosniff",
            **answer.headers,
        }.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding"):
            raise Refused(411, "send the body with a Content-Length")
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit():
            raise Refused(400, "malformed Content-Length")
        if int(length) > MAX_BODY:
            raise Refused(413, f"the body is larger than {MAX_BODY} bytes")
        body = self.rfile.read(int(length))
        match self.headers.get("Content-Encoding", "identity").strip().lower():
            case "identity" | "":
                return body
            case "gzip":
                return gunzip(body)
            case other:
                raise Refused(415, f"unsupported Content-Encoding {other}")

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)


def gunzip(body: bytes) -> bytes:
    """Raises Refused for anything that is not gzip or grows beyond MAX_BODY."""
    inflate = zlib.decompressobj(wbits=31)
    try:
        plain = inflate.decompress(body, MAX_BODY)
    except zlib.error as error:
        raise Refused(400, "the body is not gzip") from error
    if inflate.unconsumed_tail:
        raise Refused(413, f"the body is larger than {MAX_BODY} bytes")
    if not inflate.eof:
        raise Refused(400, "the gzip body is cut short")
    return plain
