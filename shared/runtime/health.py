"""A worker's own HTTP server: `/healthz` is 200 while its loop turns, `/metrics` is Prometheus text, inlets take POSTs.

Scout probes its own `/healthz` to know whether it can see at all.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from shared.runtime.inlet import Inlet, Reply, refusal
from shared.runtime.meter import CONTENT_TYPE, Meter

PATIENCE_S: Final = 10.0
"""How long a client may take for its next byte."""


class HealthServer:
    """Serves in threads of its own. `state` gives the answer of `/healthz`: (well, details as JSON types)."""

    def __init__(self, port: int, host: str = "127.0.0.1", meter: Meter | None = None) -> None:
        self.state: Callable[[], tuple[bool, Mapping[str, Any]]] = lambda: (True, {"starting": True})
        self.inlets: dict[str, Inlet] = {}
        """Path to what takes its POSTs."""
        self.meter = meter or Meter()
        server = self

        class Handler(BaseHTTPRequestHandler):
            timeout = PATIENCE_S

            def do_GET(self) -> None:
                match self.path:
                    case "/healthz":
                        well, details = server.state()
                        self._answer(Reply(200 if well else 503, {"ok": well, **details}))
                    case "/metrics":
                        self._send(200, CONTENT_TYPE, server.meter.text().encode())
                    case path:
                        self._answer(_not_here(path, "POST" if path in server.inlets else None))

            def do_POST(self) -> None:
                inlet = server.inlets.get(self.path)
                if inlet is None:
                    known = self.path in ("/healthz", "/metrics")
                    self._answer(_not_here(self.path, "GET" if known else None))
                else:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    self._answer(inlet.post(headers, self.rfile.read))

            def _answer(self, reply: Reply) -> None:
                self.close_connection = self.close_connection or reply.close
                self._send(reply.status, "application/json", json.dumps(dict(reply.body)).encode(), reply.headers)

            def _send(self, status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Health checks are not news."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Of `/healthz`, as this host reaches it."""
        host = str(self._server.server_address[0])
        return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{self.port}/healthz"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _not_here(path: str, other: str | None) -> Reply:
    """404, or 405 where the path takes `other`. Nothing of a body is read, so the connection ends."""
    if other is None:
        return refusal(404, f"nothing at {path[:100]}", close=True)
    return refusal(405, f"only {other} here", close=True, Allow=other)
