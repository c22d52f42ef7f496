"""The query strings of both Jaeger APIs, read as Jaeger reads them: RFC 3339, Go durations, microseconds, tags."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from embedded.traces.api_legacy import as_text, tags_of
from embedded.traces.model import Span, pairs
from embedded.traces.store import Query

Params = Mapping[str, list[str]]
"""What `urllib.parse.parse_qs` makes of a query string."""

UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
FRACTION = re.compile(r"\.(\d{1,9})\d*")
TOO_LATE = 2**63 - 1


class BadParameter(ValueError):
    """A parameter is missing or cannot be read; the message goes into the 400 answer."""


def first(params: Params, *names: str) -> str:
    """The first value under any of these names, empty when there is none."""
    return next((params[name][0] for name in names if params.get(name)), "")


def trace_id(text: str) -> bytes:
    """16 bytes from up to 32 hex digits, zeros on the left as in Jaeger. Raises BadParameter."""
    if len(text) > 32:
        raise BadParameter(f"TraceID cannot be longer than 32 hex characters: {text}")
    if not re.fullmatch(r"[0-9a-fA-F]+", text):
        raise BadParameter(f"strconv.ParseUint: parsing {json.dumps(text)}: invalid syntax")
    return bytes.fromhex(text.rjust(32, "0"))


def duration_ns(text: str) -> int:
    """A Go duration such as 1.5s, 200ms or 1h2m. Raises BadParameter."""
    parts = list(DURATION.finditer(text))
    if text == "0":
        return 0
    if not parts or "".join(part.group() for part in parts) != text:
        raise BadParameter(f"time: invalid duration {json.dumps(text)}")
    return sum(int(float(part[1]) * UNITS[part[2]]) for part in parts)


def rfc3339_ns(text: str) -> int:
    """Nanoseconds since the epoch, to the nanosecond. Raises BadParameter."""
    fraction = FRACTION.search(text)
    try:
        whole = datetime.fromisoformat(FRACTION.sub("", text, count=1))
    except ValueError as error:
        raise BadParameter(f"parsing time {json.dumps(text)}: not RFC 3339") from error
    if whole.tzinfo is None:
        raise BadParameter(f"parsing time {json.dumps(text)}: not RFC 3339")
    seconds = int((whole - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return min(TOO_LATE, max(0, seconds * 10**9 + (int(fraction[1].ljust(9, "0")) if fraction else 0)))


def search_v3(params: Params) -> Query:
    """`query.*` of /api/v3/traces, camelCase or the older snake_case. Raises BadParameter."""

    def read(camel: str, snake: str, reader: Callable[[str], int], default: int | None) -> int | None:
        text = first(params, f"query.{camel}", f"query.{snake}")
        try:
            return reader(text) if text else default
        except ValueError as error:
            raise BadParameter(f"malformed parameter query.{camel}: {error}") from error

    start_ns = read("startTimeMin", "start_time_min", rfc3339_ns, None)
    end_ns = read("startTimeMax", "start_time_max", rfc3339_ns, None)
    if start_ns is None or end_ns is None:
        raise BadParameter("query.startTimeMin and query.startTimeMax are required")
    depth = read("searchDepth", "search_depth", int, None) or read("numTraces", "num_traces", int, None)
    tags = json_map(first(params, "query.attributes"), "query.attributes")
    return Query(
        service=first(params, "query.serviceName", "query.service_name"),
        start_ns=start_ns,
        end_ns=end_ns,
        limit=depth or 100,
        operation=first(params, "query.operationName", "query.operation_name"),
        min_duration_ns=read("durationMin", "duration_min", duration_ns, 0) or 0,
        max_duration_ns=read("durationMax", "duration_max", duration_ns, None),
        matches=tuple(partial(has_tag, key, value) for key, value in tags.items()),
    )


def search_legacy(params: Params) -> Query:
    """The parameters of /api/traces. Without `start` and `end` both are now. Raises BadParameter."""
    service = first(params, "service")
    if not service:
        raise BadParameter("parameter 'service' is required")
    now_us = time.time_ns() // 1000
    start_us, end_us = (_integer(params, name, now_us) for name in ("start", "end"))
    limit = _integer(params, "limit", 100)
    if limit <= 0:
        raise BadParameter("invalid parameter: limit must be greater than 0")
    if start_us > end_us:
        raise BadParameter("invalid parameter: start time must be before end time")
    shortest, longest = first(params, "minDuration"), first(params, "maxDuration")
    if shortest and longest and duration_ns(longest) < duration_ns(shortest):
        raise BadParameter("'maxDuration' should be greater than 'minDuration'")
    tags: dict[str, str] = {}
    for tag in params.get("tag", ()):
        key, colon, value = tag.partition(":")
        if not colon:
            raise BadParameter(f"malformed 'tag' parameter, expecting key:value, received: {tag}")
        tags[key] = value
    for text in params.get("tags", ()):
        tags |= json_map(text, "tags")
    return Query(
        service=service,
        start_ns=max(0, start_us) * 1000,
        end_ns=min(TOO_LATE, end_us * 1000 + 999),
        limit=limit,
        operation=first(params, "operation"),
        min_duration_ns=duration_ns(shortest) if shortest else 0,
        max_duration_ns=duration_ns(longest) if longest else None,
        matches=tuple(partial(has_tag, key, value) for key, value in tags.items()),
    )


def dependency_window(params: Params) -> tuple[int, int]:
    """Start and end in ns from `endTs` and `lookback` (ms; now and one day by default). Raises BadParameter."""
    end_ms = _integer(params, "endTs", time.time_ns() // 10**6)
    return max(0, end_ms - _integer(params, "lookback", 24 * 3600 * 1000)) * 10**6, end_ms * 10**6


def has_tag(key: str, text: str, span: Span) -> bool:
    """Jaeger's rule: a tag of the span, of its process or of one of its logs has this value as text."""
    return (
        any(found == key and as_text(value) == text for found, value in tags_of(span))
        or any(found == key and as_text(value) == text for found, value in pairs(span.resource.attributes))
        or any(
            found == key and as_text(value) == text
            for event in span.rare.events
            for found, value in pairs(event.attributes)
        )
    )


def json_map(text: str, name: str) -> dict[str, str]:
    """A JSON object of texts; empty for an empty parameter. Raises BadParameter."""
    if not text:
        return {}
    try:
        tags = json.loads(text)
    except ValueError as error:
        raise BadParameter(f"malformed '{name}' parameter, cannot unmarshal JSON: {error}") from error
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise BadParameter(f"malformed '{name}' parameter, cannot unmarshal JSON: not a map of strings")
    return tags


def _integer(params: Params, name: str, default: int) -> int:
    text = first(params, name)
    try:
        return int(text) if text else default
    except ValueError as error:
        raise BadParameter(f"unable to parse param '{name}': {error}") from error
