"""A list of GitHub's that is asked again and again, at no cost while it does not change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from shared.adapters.github.wire import PER_PAGE, Wire


class Watch:
    """The first page of one list. For one thread."""

    def __init__(self, wire: Wire, path: str, params: Mapping[str, str], per_page: int = PER_PAGE) -> None:
        self._wire = wire
        self._url = f"{path}?{urlencode(sorted({**params, 'per_page': str(per_page)}.items()))}"
        self._etag = ""
        self.poll_interval = 0.0
        """Seconds GitHub wants between two questions (X-Poll-Interval); 0 when it does not say."""

    def changed(self) -> list[dict[str, Any]] | None:
        """The rows as GitHub gives them, None when they are as before. Raises Transient, Permanent."""
        headers = {"If-None-Match": self._etag} if self._etag else {}
        answer = self._wire.send("GET", self._url, headers=headers)
        asked = answer.headers.get("x-poll-interval", "")
        self.poll_interval = float(asked) if asked.isascii() and asked.isdigit() else 0.0
        if answer.status == 304:
            return None
        rows = answer.json()
        self._etag = answer.headers.get("etag", "")
        return [row for row in rows if isinstance(row, dict)]
