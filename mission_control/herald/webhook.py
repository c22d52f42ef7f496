"""GitHub's webhook, where it can reach us: HMAC checked, each delivery counted once, nothing believed but a number."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from mission_control.herald.changes import Hint

log = logging.getLogger("mission_control.herald.webhook")
MAX_BODY: Final = 25 * 1024 * 1024
"""Bytes. GitHub caps its payloads at 25 MB."""


def authentic(secret: bytes, body: bytes, signature: str | None) -> bool:
    """Whether `X-Hub-Signature-256` is the HMAC of `body` (docs.github.com, validating webhook deliveries)."""
    expected = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), (signature or "").encode())


class Webhook:
    """Listens on 127.0.0.1:`port` and calls `on_hint` from its own threads."""

    def __init__(self, port: int, secret: str, on_hint: Callable[[Hint], None]) -> None:
        self._secret = secret.encode()
        self._on_hint = on_hint
        self._deliveries: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:
                length = self.headers.get("Content-Length", "")
                if not length.isdigit() or int(length) > MAX_BODY:
                    self._answer(413)
                    return
                body = self.rfile.read(int(length))
                delivery = self.headers.get("X-GitHub-Delivery", "")
                self._answer(webhook.take(body, self.headers.get("X-Hub-Signature-256"), delivery))

            def _answer(self, code: int) -> None:
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                log.debug(format, *args)

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="webhook", daemon=True).start()

    def take(self, body: bytes, signature: str | None, delivery: str) -> int:
        """Handle one delivery; returns the HTTP status: 202 taken, 200 known, 204 of no interest, 400, 401."""
        if not authentic(self._secret, body, signature):
            log.warning("a webhook without a valid signature was refused")
            return 401
        with self._lock:
            if delivery in self._deliveries:
                return 200
            self._deliveries[delivery] = None
            while len(self._deliveries) > 1000:
                self._deliveries.popitem(last=False)
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            return 400
        issue = payload.get("issue") if isinstance(payload, dict) else None
        number = issue.get("number") if isinstance(issue, dict) else None
        if type(number) is not int or number <= 0:
            return 204
        self._on_hint(Hint(number, "webhook"))
        return 202

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
