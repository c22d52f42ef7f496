"""One request and its answer, free of the socket they came by."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from embedded.engine.errors import ApiError


@dataclass(frozen=True, slots=True)
class Request:
    """`gone` tells whether the client has hung up; `stopping` is set when the engine shuts down."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    gone: Callable[[], bool]
    stopping: threading.Event

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean as Docker clients write it: 1, true, True; 0, false, empty."""
        return self.query[name].lower() not in ("", "0", "no", "false", "none") if name in self.query else default

    def number(self, name: str) -> float | None:
        """A number, or None when absent. Raises ApiError 400."""
        text = self.query.get(name)
        if not text:
            return None
        try:
            return float(text)
        except ValueError as error:
            raise ApiError(400, f"invalid {name}: {text!r}") from error

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises ApiError 400."""
        try:
            data = json.loads(self.body or b"{}")
        except ValueError as error:
            raise ApiError(400, f"invalid JSON: {error}") from error
        if not isinstance(data, dict):
            raise ApiError(400, "invalid JSON: an object is expected")
        return data

    def open(self) -> bool:
        """Whether a long answer should go on."""
        return not self.stopping.is_set() and not self.gone()


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer: `data` as JSON, or `text`, or (204, 304) nothing."""

    status: int = 200
    data: Any = None
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamResponse:
    """An answer sent in chunks: `produce` writes until it returns; the headers go out before it begins."""

    produce: Callable[[Callable[[bytes], None]], None]
    content_type: str = "application/json"


Answer = Response | StreamResponse
Handler = Callable[[Request, str], Answer]
"""The second argument is the path's variable part: a container or image reference, or ''."""
