"""Finished traces from Jaeger, or whatever speaks its query API: /api/v3, or the legacy paths where that is absent."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import quote

import requests

from shared.analysis import jaeger_json, otlp_json
from shared.analysis.spans import Parsed, into_traces
from shared.analysis.trace import Span, Trace
from shared.ports import Permanent, Transient

log = logging.getLogger(__name__)

TIMEOUT: Final = (2.0, 10.0)
"""Seconds to connect, and between two pieces of an answer."""

MAX_ANSWER: Final = 64 * 1024 * 1024
"""Bytes of one answer; a larger one is refused instead of filling the memory."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

MICROSECOND: Final = timedelta(microseconds=1)

Api = Literal["v3", "legacy"]


@dataclass(frozen=True, slots=True)
class _Search:
    """What is asked for. Times in µs since the epoch, both bounds included."""

    service: str
    start_us: int
    end_us: int
    limit: int
    errors_only: bool
    shortest_us: int

    @property
    def depth(self) -> int:
        """How many traces to ask for: more than wanted, for Jaeger's memory takes any that fit, not the newest."""
        return min(4 * self.limit, self.limit + 1000)

    def newest(self, trace: Trace) -> int:
        """Start of the newest span that fits, 0 when none does."""
        starts = (span.start_us for span in trace.spans if self._fits(span))
        return max(starts, default=0)

    def _fits(self, span: Span) -> bool:
        return (
            span.service == self.service
            and self.start_us <= span.start_us <= self.end_us
            and span.duration_us >= self.shortest_us
            and (span.error or not self.errors_only)
        )


class JaegerTraces:
    """Fulfils `shared.ports.Traces`, read only. Thread-safe. Corrupt spans are left out and counted in `set_aside`."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        """`url`: of the query service, such as http://127.0.0.1:16686. `headers`: for one that asks for a token."""
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # the environment is read in settings only
        self._session.headers.update(headers or {})
        self._api: Api | None = None
        self._lock = threading.Lock()
        self.set_aside = 0
        """Spans that could not be used, since the start."""

    def services(self) -> tuple[str, ...]:
        """Names of the services that have sent spans, sorted. Raises Transient or Permanent."""
        if self._speaks() == "v3":
            names = _named_list(self._get("/api/v3/services"), "services")
        else:
            names = _named_list(self._get("/api/services"), "data")
        return tuple(sorted(names))

    def traces(
        self,
        service: str,
        start: datetime,
        end: datetime,
        *,
        limit: int = 200,
        errors_only: bool = False,
        min_duration: timedelta | None = None,
    ) -> tuple[Trace, ...]:
        """Whole traces with a span of `service` that started in the window, newest first.

        `errors_only`: that span failed. `min_duration`: that span took at least so long. Raises Transient or Permanent.
        """
        shortest_us = min_duration // MICROSECOND if min_duration else 0
        search = _Search(service, _us(start), _us(end), limit, errors_only, shortest_us)
        parsed = self._search_v3(search) if self._speaks() == "v3" else self._search_legacy(search)
        # Older Jaegers do not know every filter, and 1.76 finds no error by its tag: the answer is held to all of them.
        fitting = [(search.newest(trace), trace) for trace in into_traces(self._kept(parsed))]
        fitting.sort(key=lambda pair: -pair[0])
        return tuple(trace for at, trace in fitting if at)[:limit]

    def trace(self, trace_id: str) -> Trace | None:
        """One trace, None when it is unknown (never arrived, or dropped as too old). Raises Transient or Permanent."""
        v3 = self._speaks() == "v3"
        body = self._get(("/api/v3/traces/" if v3 else "/api/traces/") + quote(trace_id, safe=""))
        if body is None:
            return None
        traces = into_traces(self._kept(_parsed(otlp_json.parse if v3 else jaeger_json.parse, body)))
        return traces[0] if traces else None

    # -- the two dialects

    def _speaks(self) -> Api:
        """Which API is there, asked once. A 200 alone proves nothing: Jaeger's UI answers every path with its page."""
        with self._lock:
            if self._api is None:
                if _is_object_with(self._get("/api/v3/services"), "services"):
                    self._api = "v3"
                elif _is_object_with(self._get("/api/services"), "data"):
                    self._api = "legacy"
                else:
                    raise Permanent(f"{self._url} speaks neither /api/v3 nor Jaeger's legacy API")
                log.info("traces come from %s over its %s API", self._url, self._api)
            return self._api

    def _search_v3(self, search: _Search) -> Parsed:
        fields = {
            "serviceName": ("service_name", search.service),
            "startTimeMin": ("start_time_min", _rfc3339(search.start_us)),
            "startTimeMax": ("start_time_max", _rfc3339(search.end_us)),
            "searchDepth": ("num_traces", str(search.depth)),
        }
        if search.shortest_us:
            fields["durationMin"] = ("duration_min", f"{search.shortest_us}us")
        # Before 2.15 only the second spelling was known; where both are, the first wins.
        query = {f"query.{name}": value for camel, (snake, value) in fields.items() for name in (camel, snake)}
        body = self._get("/api/v3/traces", query)
        return _parsed(otlp_json.parse, body) if body is not None else Parsed(())

    def _search_legacy(self, search: _Search) -> Parsed:
        query = {
            "service": search.service,
            "start": str(search.start_us),
            "end": str(search.end_us),
            "limit": str(search.depth),
        }
        if search.shortest_us:
            query["minDuration"] = f"{search.shortest_us}us"
        body = self._get("/api/traces", query)
        return _parsed(jaeger_json.parse, body) if body is not None else Parsed(())

    def _kept(self, parsed: Parsed) -> tuple[Span, ...]:
        if parsed.set_aside:
            with self._lock:
                self.set_aside += parsed.set_aside
            log.warning("%d corrupt spans from %s were set aside", parsed.set_aside, self._url)
        return parsed.spans

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> bytes | None:
        """The body of a 200, None for a 404."""
        try:
            with self._session.get(self._url + path, params=query, timeout=TIMEOUT, stream=True) as answer:
                body = bytearray()
                for piece in answer.iter_content(256 * 1024):
                    body += piece
                    if len(body) > MAX_ANSWER:
                        raise Transient(f"{path}: the answer is larger than {MAX_ANSWER} bytes; ask for fewer traces")
        except requests.RequestException as error:
            raise Transient(f"traces at {self._url}: {error}") from error
        if answer.status_code == 404:
            return None
        if answer.status_code == 429 or answer.status_code >= 500:
            said = answer.headers.get("Retry-After", "")
            raise Transient(f"{path} answered {answer.status_code}", float(said) if said.isdecimal() else None)
        if answer.status_code != 200:
            raise Permanent(f"{path} answered {answer.status_code}: {bytes(body[:300]).decode(errors='replace')}")
        return bytes(body)


def _parsed(parse: Callable[[bytes], Parsed], body: bytes) -> Parsed:
    try:
        return parse(body)
    except (otlp_json.NotOtlp, jaeger_json.NotJaeger) as error:
        raise Transient(f"the answer is not a list of traces: {error}") from error


def _json(body: bytes | None) -> Any:
    try:
        return json.loads(body) if body is not None else None
    except (ValueError, RecursionError):
        return None  # not JSON at all: a page, for instance


def _is_object_with(body: bytes | None, key: str) -> bool:
    found = _json(body)
    return isinstance(found, dict) and (key in found or found == {})


def _named_list(body: bytes | None, key: str) -> list[str]:
    """The texts under `key`; proto3 JSON leaves an empty list out, the legacy API says null."""
    found = _json(body)
    names = found.get(key) if isinstance(found, dict) else 0
    if names is not None and not isinstance(names, list):
        raise Transient("the answer is not a list of services")
    return [name for name in names or () if isinstance(name, str)]


def _us(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _rfc3339(moment_us: int) -> str:
    moment = EPOCH + moment_us * MICROSECOND
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
