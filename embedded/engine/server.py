"""HTTP/1.1 over a Unix socket: one thread a connection, answers whole or in chunks."""

from __future__ import annotations

import json
import logging
import os
import select
import socket
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from embedded.engine.errors import ApiError
from embedded.engine.exchange import Answer, Request, Response, StreamResponse
from embedded.engine.routes import Api

log = logging.getLogger("engine.http")
LONGEST_PATH = 107
"""Bytes a Unix socket's path may have on Linux (sun_path less its zero byte)."""
MAX_BODY = 1024 * 1024


class SocketUnusable(Exception):
    """A socket cannot be made at this path."""


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Serves one Api on one socket file, mode 0600. A stale file is replaced, a live one refused."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, path: Path, api: Api, stopping: threading.Event) -> None:
        self.api = api
        self.stopping = stopping
        _make_way(path)
        before = os.umask(0o177)
        try:
            super().__init__(str(path), ConnectionHandler)
        finally:
            os.umask(before)

    def serve(self) -> None:
        """Serve on a thread of its own."""
        threading.Thread(target=self.serve_forever, args=(0.1,), name="http", daemon=True).start()


class ConnectionHandler(BaseHTTPRequestHandler):
    """One connection of a client; keeps it open between requests."""

    server: UnixServer
    protocol_version = "HTTP/1.1"
    server_version = "Docker/20.10.0-embedded"
    sys_version = ""
    wbufsize = 65536

    def do_GET(self) -> None:
        """Answer, by the name http.server looks for."""
        self._serve()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def address_string(self) -> str:
        """A Unix socket's peer has no address."""
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        """To the module's log rather than straight to stderr."""
        log.debug(format, *args)

    def _serve(self) -> None:
        try:
            answer: Answer = self.server.api.answer(self._request())
        except ApiError as error:
            answer = Response(error.status, None if error.status == 304 else {"message": error.message})
        try:
            if isinstance(answer, StreamResponse):
                self._send_stream(answer)
            else:
                self._send_whole(answer)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _request(self) -> Request:
        length = self.headers.get("Content-Length", "0")
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower() or not length.isdigit():
            self.close_connection = True
            raise ApiError(411, "a request body needs a Content-Length")
        if int(length) > MAX_BODY:
            self.close_connection = True
            raise ApiError(413, "request body too large")
        body = self.rfile.read(int(length))
        split = urlsplit(self.path)
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        return Request(self.command, unquote(split.path), query, body, self._gone, self.server.stopping)

    def _gone(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""

    def _send_whole(self, answer: Response) -> None:
        text = answer.text if answer.data is None else json.dumps(answer.data)
        body = b"" if text is None else text.encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Type", "application/json" if answer.text is None else "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _send_stream(self, answer: StreamResponse) -> None:
        self.send_response(200)
        self.send_header("Content-Type", answer.content_type)
        chunked = self.request_version != "HTTP/1.0"
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.close_connection = True
        self.end_headers()
        self.wfile.flush()
        if self.command == "HEAD":
            return
        answer.produce(self._writer(chunked=chunked))
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()

    def _writer(self, *, chunked: bool) -> Callable[[bytes], None]:
        def write(data: bytes) -> None:
            if data:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
                self.wfile.flush()

        return write


def _make_way(path: Path) -> None:
    """Raises SocketUnusable for a path that is too long, served by another process, or no socket."""
    length = len(os.fsencode(path))
    if length > LONGEST_PATH:
        raise SocketUnusable(
            f"socket path {path} has {length} bytes; Unix sockets allow {LONGEST_PATH}: choose a shorter folder"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        return
    if not path.is_socket():
        raise SocketUnusable(f"{path} exists and is not a socket")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise SocketUnusable(f"another process serves {path}")
