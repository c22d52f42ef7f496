"""Metrics from Prometheus, or whatever speaks its HTTP API. Fulfils `shared.ports.Metrics`.

API: https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries
"""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from typing import Any, Final

import requests

from shared.analysis.metrics import Series
from shared.ports import Permanent, Transient

TIMEOUT: Final = (1.0, 3.0)
"""Seconds to connect, and between two pieces of an answer."""
MOST_BYTES: Final = 4 * 1024 * 1024
"""Of one answer; a larger one is refused instead of filling the memory."""
MOST_SERIES: Final = 500
MOST_POINTS: Final = 1_000
"""Of one series: a longer range is asked for in longer steps."""
LEAST_STEP: Final = timedelta(seconds=1)


class PrometheusMetrics:
    """Read only, thread-safe: each question is a connection of its own."""

    def __init__(self, url: str) -> None:
        """`url`: such as http://127.0.0.1:9090."""
        self._url = url.rstrip("/")

    def ranges(self, query: str, start: datetime, end: datetime, step: timedelta) -> tuple[Series, ...]:
        """Every series of the PromQL expression `query` from `start` to `end`; at most MOST_SERIES of them.

        Values that are not finite are left out. Raises Transient (no answer, or 5xx), Permanent (refused, or no
        answer of Prometheus).
        """
        longest = max(end - start, LEAST_STEP)
        wide = max(step, LEAST_STEP, longest / (MOST_POINTS - 1))
        asked = {
            "query": query,
            "start": f"{start.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{wide.total_seconds():.3f}",
            "timeout": f"{TIMEOUT[1]:g}s",
        }
        return _series(self._post("/api/v1/query_range", asked))

    def _post(self, path: str, fields: dict[str, str]) -> Any:
        try:
            with requests.Session() as session:
                session.trust_env = False  # the environment is read in settings only
                with session.post(
                    self._url + path, data=fields, timeout=TIMEOUT, allow_redirects=False, stream=True
                ) as answer:
                    body = _bounded(answer)
                    status = answer.status_code
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise Transient(f"Prometheus at {self._url} does not answer: {type(error).__name__}") from error
        except requests.RequestException as error:
            raise Permanent(f"Prometheus at {self._url}: not HTTP: {type(error).__name__}") from error
        try:
            said = json.loads(body)
        except (ValueError, RecursionError) as error:
            said = None
            if status < 500:
                raise Permanent(f"{self._url} answers {status} and is no Prometheus") from error
        reason = str(said.get("error", ""))[:200] if isinstance(said, dict) else ""
        if status >= 500 or status == 429:
            raise Transient(f"Prometheus at {self._url} answers {status}: {reason}")
        if not isinstance(said, dict) or status != 200 or said.get("status") != "success":
            raise Permanent(f"Prometheus at {self._url} answers {status}: {reason}")
        return said.get("data")


def _bounded(answer: requests.Response) -> bytes:
    parts, size = [], 0
    for part in answer.iter_content(65_536):
        size += len(part)
        if size > MOST_BYTES:
            raise Permanent(f"the answer of {answer.url.partition('?')[0]} is larger than {MOST_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def _series(data: Any) -> tuple[Series, ...]:
    if not isinstance(data, dict) or data.get("resultType") != "matrix" or not isinstance(data.get("result"), list):
        raise Permanent("Prometheus answers with something else than a matrix")
    return tuple(_one(given) for given in data["result"][:MOST_SERIES])


def _one(given: Any) -> Series:
    try:
        labels = {str(name): str(value) for name, value in given["metric"].items()}
        points = tuple((float(at), float(value)) for at, value in given["values"])
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise Permanent("a series of Prometheus cannot be read") from error
    return Series(labels, tuple((at, value) for at, value in points if math.isfinite(value) and math.isfinite(at)))
