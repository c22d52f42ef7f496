"""A Unix socket that shows a Docker engine and cannot change it: what Scout, Brain and Guardrail are given.

Five questions of the Docker Engine API (https://docs.docker.com/reference/api/engine/) are passed on: ping, version,
list, inspect and logs of containers, and the event stream. Nothing else, no other method, and of containers without
the label sre-space.managed=true nothing at all. Environment variables are left out of what inspect says: they hold
other people's secrets. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import select
import signal
import socket
import socketserver
import sys
import threading
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

log = logging.getLogger("engine-reader")

LABEL: Final = "sre-space.managed"
TIMEOUT_S: Final = 10.0
MOST_BYTES: Final = 16 * 1024 * 1024
"""An answer longer than this is refused; nobody asks for so much."""
_API: Final = r"(?:/v1\.\d{1,3})?"
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}"
PLAIN: Final = re.compile(f"{_API}/(?:_ping|version)")
LIST: Final = re.compile(f"{_API}/containers/json")
INSPECT: Final = re.compile(f"{_API}/containers/(?P<name>{_NAME})/json")
LOGS: Final = re.compile(f"{_API}/containers/(?P<name>{_NAME})/logs")
EVENTS: Final = re.compile(f"{_API}/events")


class Refused(Exception):
    """An answer of our own: status and what is said."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Engine(HTTPConnection):
    """One HTTP/1.1 connection to the engine's Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Reader(BaseHTTPRequestHandler):
    """One client's connection. `engine` is the path of the real socket."""

    protocol_version = "HTTP/1.1"
    engine: str

    def do_GET(self) -> None:
        try:
            self._answer()
        except Refused as no:
            self._send(no.status, "application/json", json.dumps({"message": str(no)}).encode())
        except (OSError, HTTPException, ValueError) as error:
            log.warning("%s: %s", self.path.split("?")[0], error)
            self.close_connection = True
            body = json.dumps({"message": f"the engine does not answer: {type(error).__name__}"}).encode()
            self._send(502, "application/json", body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def __getattr__(self, name: str) -> Any:
        """Every other method gets the same answer."""
        if name.startswith("do_"):
            return self._no
        raise AttributeError(name)

    def _no(self) -> None:
        self.close_connection = True  # a body that nobody reads may follow
        self._send(403, "application/json", b'{"message":"this socket only looks"}')

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        if EVENTS.fullmatch(path):
            self._events()
        elif LIST.fullmatch(path):
            rows = [row for row in self._json(self.path) if _managed(row.get("Labels"))]
            self._send(200, "application/json", json.dumps(rows).encode())
        elif found := INSPECT.fullmatch(path):
            seen = self._inspect(self.path, found["name"])
            seen["Config"]["Env"] = []
            self._send(200, "application/json", json.dumps(seen).encode())
        elif found := LOGS.fullmatch(path):
            if "follow=1" in self.path or "follow=true" in self.path:
                raise Refused(403, "logs are not followed here")
            self._inspect(f"/containers/{found['name']}/json", found["name"])
            self._pass_on()
        elif PLAIN.fullmatch(path):
            self._pass_on()
        else:
            raise Refused(403, "this socket only looks at containers")

    def _inspect(self, target: str, name: str) -> dict[str, Any]:
        seen: dict[str, Any] = self._json(target)
        if not _managed(seen.get("Config", {}).get("Labels")):
            raise Refused(404, f"No such container: {name}")
        return seen

    def _json(self, target: str) -> Any:
        status, kind, body = self._ask(target)
        if status != 200:
            raise Refused(status, str(_said(body)))
        if "json" not in kind:
            raise ValueError(f"{kind} instead of JSON")
        return json.loads(body)

    def _pass_on(self) -> None:
        self._send(*self._ask(self.path))

    def _ask(self, target: str) -> tuple[int, str, bytes]:
        """Status, content type and whole body of one question. Raises OSError, HTTPException, Refused."""
        connection = _Engine(self.engine)
        try:
            connection.request(self.command, target, headers={"Host": "docker"})
            with connection.getresponse() as answer:
                return answer.status, answer.headers.get("Content-Type", "application/json"), _body(answer)
        finally:
            connection.close()

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Api-Version", "1.41")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _events(self) -> None:
        """The engine's events of managed containers, line by line, until either side hangs up."""
        upstream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.close_connection = True
        with upstream:
            upstream.settimeout(TIMEOUT_S)
            upstream.connect(self.engine)
            # HTTP/1.0: the engine answers without chunks, and the end of the stream is the end of the connection.
            upstream.sendall(f"GET {self.path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode("ascii"))
            head, _, rest = _until_blank(upstream).partition(b"\r\n\r\n")
            status = int(head.split(maxsplit=2)[1])
            if status != 200:
                raise Refused(status, "the engine refuses the event stream")
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")  # as dockerd does: clients read each event when it is sent
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.flush()
            try:
                self._relay(upstream, rest)
            except OSError as error:  # the answer has begun: hanging up is all that is left to say
                log.info("events: %s", error)

    def _relay(self, upstream: socket.socket, pending: bytes) -> None:
        while True:
            *lines, pending = pending.split(b"\n")
            for line in lines:
                if _event_counts(line):
                    self.wfile.write(b"%x\r\n%b\n\r\n" % (len(line) + 1, line))
            self.wfile.flush()
            if len(pending) > MOST_BYTES:
                return
            readable, _, _ = select.select([upstream, self.connection], [], [])
            if self.connection in readable:
                return
            data = upstream.recv(65536)
            if not data:
                self.wfile.write(b"0\r\n\r\n")
                return
            pending += data

    def address_string(self) -> str:
        """Unix sockets have none."""
        return "local"

    def log_request(self, code: int | str = "-", _size: int | str = "-") -> None:
        """What was asked is news only when it was refused."""
        if str(code) == "403":
            log.warning("refused: %s %s", self.command, self.path.split("?")[0])

    def log_message(self, format: str, *args: Any) -> None:
        log.info(format, *args)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Serves `Reader` on a Unix socket."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path, engine: str) -> None:
        path.unlink(missing_ok=True)
        super().__init__(str(path), type("Bound", (Reader,), {"engine": engine}))
        path.chmod(0o660)

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """A client that hangs up is no fault of ours; anything else is told."""
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):
            log.error("a connection ended: %r", error)


def _managed(labels: Mapping[str, str] | None) -> bool:
    return (labels or {}).get(LABEL) == "true"


def _event_counts(line: bytes) -> bool:
    """Whether a line of the event stream tells of a managed container."""
    if not line.strip():
        return False
    event = json.loads(line)
    return event.get("Type") == "container" and _managed(event.get("Actor", {}).get("Attributes"))


def _body(answer: HTTPResponse) -> bytes:
    body = answer.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise Refused(502, "the answer is too long")
    return body


def _said(body: bytes) -> object:
    try:
        return json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        return "the engine refuses"


def _until_blank(connection: socket.socket) -> bytes:
    got = b""
    while b"\r\n\r\n" not in got:
        data = connection.recv(65536)
        if not data or len(got) > MOST_BYTES:
            raise ConnectionError("the engine hung up")
        got += data
    return got


def main() -> int:
    """Serve until SIGTERM; 1 when the engine's socket cannot be opened, with the reason and the remedy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", type=Path, default=Path("/var/run/docker.sock"), help="the engine's own socket")
    parser.add_argument("--listen", type=Path, required=True, help="the socket to make")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    if trouble := _cannot_open(options.engine):
        sys.stderr.write(f"engine-reader: {trouble}\n")
        return 1
    server = Server(options.listen, str(options.engine))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    log.info("%s shows the engine at %s", options.listen, options.engine)
    try:
        server.serve_forever()
    finally:
        server.server_close()
        options.listen.unlink(missing_ok=True)
    return 0


def _cannot_open(engine: Path) -> str | None:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.connect(str(engine))
    except PermissionError:
        return remedy(engine, engine.stat().st_gid)
    except OSError as error:
        return f"{engine}: {error.strerror}"
    return None


def remedy(engine: Path, group: int) -> str:
    """What to do about a socket that belongs to another group."""
    mine = sorted(os.getgroups())
    return f"{engine} belongs to group {group}, and this process is in {mine}: set DOCKER_GID={group} in .env"


if __name__ == "__main__":
    sys.exit(main())
