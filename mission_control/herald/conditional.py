"""One list of GitHub's, read again and again at no cost while it does not change (ETag, 304)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import requests

from shared.ports import Permanent, Transient

PAGE: Final = 50
"""Rows of a list: more changes than that between two polls are treated as "anything may have changed"."""
TIMEOUT: Final = 10.0
LEAST_PAUSE: Final = 60.0
"""Seconds to wait after a rate limit that does not say how long (docs.github.com, rate limits for the REST API)."""


@dataclass(slots=True)
class ConditionalList:
    """The first page of the list at `url`, newest first."""

    session: requests.Session = field(repr=False)
    url: str
    parameters: Mapping[str, str]
    _etag: str | None = None

    def changed(self) -> list[dict[str, Any]] | None:
        """The rows, None when they are as before. Raises Transient (with `retry_after`) or Permanent."""
        headers = {"If-None-Match": self._etag} if self._etag else {}
        parameters = {"per_page": str(PAGE), **self.parameters}
        try:
            answer = self.session.get(self.url, params=parameters, headers=headers, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise Transient(f"GitHub does not answer: {type(error).__name__}") from error
        if answer.status_code == 304:
            return None
        if answer.status_code in (403, 429) and _limited(answer):
            raise Transient(f"GitHub asks to wait ({answer.status_code})", _pause(answer))
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Transient(f"GitHub answered {answer.status_code}")
        if answer.status_code != 200:
            raise Permanent(f"GitHub answered {answer.status_code} to GET {self.url}")
        try:
            rows = answer.json()
        except ValueError as error:
            raise Transient("GitHub answered something that is not JSON") from error
        self._etag = answer.headers.get("ETag")
        return [row for row in rows if isinstance(row, dict)]


def _limited(answer: requests.Response) -> bool:
    return (
        "retry-after" in answer.headers
        or answer.headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in answer.text[:500].lower()
    )


def _pause(answer: requests.Response) -> float:
    """Seconds, as GitHub asks: Retry-After, else until the reset, else at least a minute."""
    after = answer.headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        return max(float(reset) - datetime.now(UTC).timestamp(), 1.0)
    return LEAST_PAUSE
