"""How long GitHub asks us to stay away, read from one answer.

Order of the rules: https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
(handle rate limit errors): retry-after, else x-ratelimit-reset when nothing remains, else a minute and then
exponentially longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

AT_LEAST: Final = 60.0
"""Seconds, where GitHub names no time."""
AT_MOST: Final = 3600.0
"""Seconds of the exponential back-off: the longest window GitHub limits by."""
NEVER_LONGER: Final = 7200.0
"""Seconds a header may ask for: GitHub's windows are an hour, anything longer is a broken header."""
_SAYS_LIMIT: Final = ("rate limit", "abuse detection", "submitted too quickly", "please wait a few minutes")


def is_limit(status: int, headers: Mapping[str, str], body: str) -> bool:
    """Whether an answer means "too many requests", primary or secondary. `headers` have lower-case names."""
    if status == 429:
        return True
    said = body[:2000].lower()
    if status == 422:
        return "submitted too quickly" in said
    if status != 403:
        return False
    return (
        "retry-after" in headers
        or headers.get("x-ratelimit-remaining", "").strip() == "0"
        or any(words in said for words in _SAYS_LIMIT)
    )


def backoff(status: int, headers: Mapping[str, str], body: str, attempt: int, now: datetime) -> float | None:
    """Seconds to send nothing at all, or None when the answer is no limit.

    `attempt` counts the limit answers in a row before this one (0 for the first); `now` is GitHub's clock. The result
    is at least 1 s and at most NEVER_LONGER.
    """
    if not is_limit(status, headers, body):
        return None
    asked = _retry_after(headers, now)
    if asked is None:
        asked = _until_reset(headers, now)
    if asked is None:
        asked = min(AT_LEAST * 2.0 ** min(max(attempt, 0), 10), AT_MOST)
    return min(max(asked, 1.0), NEVER_LONGER)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds a Retry-After header asks for, at most NEVER_LONGER; None when there is none that can be read."""
    asked = _retry_after(headers, now)
    return None if asked is None else min(max(asked, 1.0), NEVER_LONGER)


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    return seconds if seconds > 0 else None


def _until_reset(headers: Mapping[str, str], now: datetime) -> float | None:
    if headers.get("x-ratelimit-remaining", "0").strip() != "0":
        return None
    text = headers.get("x-ratelimit-reset", "").strip()
    if not (text.isascii() and text.isdigit()):
        return None
    seconds = float(text[:15]) - now.timestamp() + 1.0
    return seconds if seconds > 1.0 else None
