"""A small JSON client for one REST service: answers bounded, failures told apart, the secret kept out of every text.

Nothing is retried here. What may succeed later is a `Transient` that says when: after 1 s, then 2 s, up to 30 s.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from shared.ports import Permanent, Transient
from shared.redaction import HIDDEN

TIMEOUT: Final = (3.0, 15.0)
"""Seconds to connect, and between two pieces of an answer."""
MAX_ANSWER: Final = 8 * 1024 * 1024
"""Bytes of one answer."""
FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 30.0
"""Seconds until the next try, doubled at each failure in a row."""
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class Answered(Permanent):
    """The service said no: `status`, and what it said."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class TooMany(Transient):
    """The service counts requests or tasks and did nothing (429)."""


@dataclass(frozen=True, slots=True)
class Secret:
    """The one header that says who is calling."""

    header: str
    value: str
    advice: str
    """What a person must do when the service refuses it."""
    scheme: str = ""
    """What stands before the value in the header."""

    def __repr__(self) -> str:
        return f"Secret({self.header!r})"


class Rest:
    """Thread-safe. `what`: the service's name for people."""

    def __init__(self, what: str, url: str, secret: Secret, headers: Mapping[str, str] | None = None) -> None:
        """`url`: https, or http on this machine. Raises Permanent for another: the secret would travel readable."""
        address = urlsplit(url)
        if address.scheme != "https" and not (address.scheme == "http" and address.hostname in _LOOPBACK):
            raise Permanent(f"{what}: {url} is not https, and the key would be readable on the way")
        self._what, self._url, self._secret = what, url.rstrip("/"), secret
        self._session = requests.Session()
        self._session.trust_env = False  # the environment is read in settings only
        self._session.headers.update({"Accept": "application/json", **(headers or {})})
        self._session.headers.update({secret.header: f"{secret.scheme}{secret.value}"})
        self._lock = threading.Lock()
        self._failures = 0

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The answer's JSON."""
        return self._parsed(path, self._send("GET", path, query=query))

    def post(self, path: str, value: object = None) -> Any:
        """Send `value` as JSON (None: an empty body); the answer's JSON, None where it is empty."""
        body = self._send("POST", path, value=value)
        return self._parsed(path, body) if body.strip() else None

    def close(self) -> None:
        self._session.close()

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        value: object = None,
    ) -> bytes:
        try:
            with self._session.request(
                method,
                self._url + path,
                params=query,
                json=value,
                timeout=TIMEOUT,
                stream=True,
                allow_redirects=False,  # requests would carry the key to wherever it is sent
            ) as answer:
                body = bytearray()
                for piece in answer.iter_content(256 * 1024):
                    body += piece
                    if len(body) > MAX_ANSWER:
                        raise Permanent(f"{self._what}: {path} answers more than {MAX_ANSWER} bytes")
        except requests.RequestException as error:
            raise self._later(f"{self._what}: {path}: {type(error).__name__}", None) from error
        self._judge(path, answer, bytes(body))
        with self._lock:
            self._failures = 0
        return bytes(body)

    def _judge(self, path: str, answer: requests.Response, body: bytes) -> None:
        """Raise what an answer that is no success means."""
        status = answer.status_code
        if 200 <= status < 300:
            return
        said = f"{self._what}: {path} answered {status}: {self._hidden(_message(body))}"
        if status == 429 or status >= 500:
            after = answer.headers.get("Retry-After", "").strip()
            later = self._later(said, float(after[:9]) if after.isascii() and after.isdigit() else None)
            raise TooMany(str(later), later.retry_after) if status == 429 else later
        if status in (401, 403):
            said = f"{said}. {self._secret.advice}"
        raise Answered(status, said)

    def _later(self, message: str, asked: float | None) -> Transient:
        with self._lock:
            wait = min(FIRST_WAIT * 2.0 ** min(self._failures, 10), LONGEST_WAIT)
            self._failures += 1
        return Transient(self._hidden(message), max(wait, asked or 0.0))

    def _parsed(self, path: str, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Permanent(f"{self._what}: {path} answers something that is not JSON") from error

    def _hidden(self, text: str) -> str:
        return text.replace(self._secret.value, HIDDEN)


def _message(body: bytes) -> str:
    """What an error says: Google's `error.message`, GitHub's `message`, else the beginning of it, on one line."""
    text = body[:4000].decode(errors="replace")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        inner = value.get("error")
        found = inner.get("message") if isinstance(inner, dict) else value.get("message")
        text = found if isinstance(found, str) else text
    return " ".join(text.split())[:300]
