"""A worker's own `/healthz`: 200 while its loop turns. Scout probes its own to know whether it can see at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class HealthServer:
    """Serves on 127.0.0.1 in a thread of its own. `state` gives the answer: (well, details as JSON types)."""

    def __init__(self, port: int) -> None:
        self.state: Callable[[], tuple[bool, dict[str, Any]]] = lambda: (True, {"starting": True})
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                well, details = (
                    server.state() if self.path == "/healthz" else (False, {"error": "only /healthz is here"})
                )
                body = json.dumps({"ok": well, **details}).encode()
                self.send_response(200 if well else 404 if self.path != "/healthz" else 503)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Health checks are not news."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/healthz"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
