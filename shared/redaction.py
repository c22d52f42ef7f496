"""The one redactor: nothing that looks like a secret leaves through a fact, a log line or an event."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

HIDDEN: Final = "[redacted]"
_PATTERNS: Final = re.compile(
    r"gh[pousr]_[A-Za-z0-9_.\-]{20,}"  # GitHub tokens, with the long ghs_<app>_<jwt> form
    r"|github_pat_[A-Za-z0-9_]{20,}"
    r"|eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{5,}"  # JWT
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|AIza[A-Za-z0-9_\-]{30,}"
    r"|xox[abprs]-[A-Za-z0-9\-]{10,}"
    r"|sk-[A-Za-z0-9_\-]{20,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<=://)[^\s/:@]+:[^\s/@]+(?=@)"
)
_ASSIGNED: Final = re.compile(
    r"(?i)((?:password|passwd|secret|token|api[_-]?key|authorization)[\"']?\s*[:=]\s*[\"']?(?:bearer\s+|basic\s+)?)"
    r"([^\s\"',;&]{4,})"
)


class Redactor:
    """Replaces known secrets and everything that has the shape of one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({s for s in secrets if len(s) >= 6}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, value: str) -> str:
        if self._known is not None:
            value = self._known.sub(HIDDEN, value)
        return _ASSIGNED.sub(rf"\1{HIDDEN}", _PATTERNS.sub(HIDDEN, value))

    def json(self, value: Any) -> Any:
        """A JSON value with every string in it redacted (keys stay)."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {k: self.json(v) for k, v in value.items()}
            case list() | tuple():
                return [self.json(v) for v in value]
            case _:
                return value
