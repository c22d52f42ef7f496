"""Times as the Docker API writes them: RFC 3339 with nanoseconds, and Unix seconds with a fraction in queries."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from embedded.engine.errors import ApiError

NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time: what inspect shows for a container that has not started or not finished."""

_UNIX = re.compile(r"(-?\d+)(?:\.(\d{1,9}))?")


def rfc3339(nanoseconds: int) -> str:
    """Unix nanoseconds as `2025-01-31T12:00:00.123456789Z`; 0 is Go's zero time."""
    if nanoseconds == 0:
        return NEVER
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def parse_when(text: str, now: int) -> int:
    """A `since` or `until` value (Unix seconds with fraction, RFC 3339, or a duration back from now) in nanoseconds.

    Raises ApiError 400 for anything else.
    """
    if matched := _UNIX.fullmatch(text):
        return int(matched[1]) * 1_000_000_000 + int((matched[2] or "").ljust(9, "0"))
    if matched := re.fullmatch(r"(\d+)(ms|s|m|h)", text):
        unit = {"ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000}[matched[2]]
        return now - int(matched[1]) * unit
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise ApiError(400, f"failed to parse value as time or duration: {text!r}") from error
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return int(aware.timestamp()) * 1_000_000_000 + aware.microsecond * 1000


def ago(nanoseconds: int, now: int) -> str:
    """How long ago, in the coarse words of `docker ps` ("3 seconds", "About a minute", "2 hours")."""
    seconds = max(0, now - nanoseconds) // 1_000_000_000
    if seconds < 1:
        return "Less than a second"
    if seconds == 1:
        return "1 second"
    if seconds < 60:
        return f"{seconds} seconds"
    if seconds < 120:
        return "About a minute"
    if seconds < 3600:
        return f"{seconds // 60} minutes"
    if seconds < 7200:
        return "About an hour"
    return f"{seconds // 3600} hours" if seconds < 172_800 else f"{seconds // 86_400} days"
