"""Jaeger's query side: /api/v3 and the legacy /api, with their error shapes, and the pages for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from embedded.traces import api_legacy, api_v3, pages
from embedded.traces.http import Answer, Request, as_json
from embedded.traces.model import KINDS
from embedded.traces.params import (
    BadParameter,
    Params,
    dependency_window,
    first,
    search_legacy,
    search_v3,
    trace_id,
)
from embedded.traces.store import Store


class Queries:
    """Answers every GET on the query port."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._exact: dict[str, Callable[[Params], Answer]] = {
            "/api/v3/services": lambda _: as_json({"services": store.services()}),
            "/api/v3/operations": self._v3_operations,
            "/api/v3/traces": self._v3_search,
            "/api/services": lambda _: legacy(store.services(), total=len(store.services())),
            "/api/operations": self._operations,
            "/api/traces": self._search,
            "/api/dependencies": self._dependencies,
            "/health": lambda _: as_json({"status": "ok", **store.size()}),
        }

    def __call__(self, request: Request) -> Answer:
        if request.method not in ("GET", "HEAD"):
            return Answer(405, b"Method Not Allowed\n", "text/plain", {"Allow": "GET"})
        exact = self._exact.get(request.path)
        if exact is not None:
            return exact(request.params)
        match request.path.split("/")[1:]:
            case ["api", "v3", "traces", wanted]:
                return self._v3_trace(unquote(wanted))
            case ["api", "traces", wanted]:
                return self._trace(unquote(wanted))
            case ["api", "services", service, "operations"]:
                names = list(dict.fromkeys(name for name, _ in self._store.operations(unquote(service))))
                return legacy(names, total=len(names))
            case _:
                return pages.serve(self._store, request)

    # -- /api/v3

    def _v3_operations(self, params: Params) -> Answer:
        return as_json({"operations": api_v3.operations(self._operations_of(params))})

    def _v3_search(self, params: Params) -> Answer:
        try:
            found = self._store.search(search_v3(params))
        except BadParameter as error:
            return v3_error(400, str(error))
        if not found:
            return v3_error(404, "No traces found")
        return as_json({"result": api_v3.traces_data(found)})

    def _v3_trace(self, wanted: str) -> Answer:
        try:
            spans = self._store.trace(trace_id(wanted))
        except BadParameter as error:
            return v3_error(400, f"malformed parameter trace_id: {error}")
        if not spans:
            return v3_error(404, "trace not found")
        return as_json({"result": api_v3.traces_data([spans])})

    # -- legacy

    def _operations(self, params: Params) -> Answer:
        if not first(params, "service"):
            return legacy_error(400, "parameter 'service' is required")
        found = api_legacy.operations(self._operations_of(params))
        return legacy(found, total=len(found))

    def _search(self, params: Params) -> Answer:
        try:
            if params.get("traceID"):
                return self._by_ids(params["traceID"])
            found = self._store.search(search_legacy(params))
        except BadParameter as error:
            return legacy_error(400, str(error))
        return legacy([api_legacy.trace(spans) for spans in found])

    def _by_ids(self, wanted: list[str]) -> Answer:
        found, errors = [], []
        for text in wanted:
            try:
                spans = self._store.trace(trace_id(text))
            except BadParameter as error:
                raise BadParameter(f"cannot parse traceID param: {error}") from error
            if spans:
                found.append(api_legacy.trace(spans))
            else:
                errors.append({"msg": "trace not found", "traceID": trace_id(text).hex()})
        return legacy(found, errors=errors or None)

    def _trace(self, wanted: str) -> Answer:
        try:
            spans = self._store.trace(trace_id(wanted))
        except BadParameter as error:
            return legacy_error(400, str(error))
        return legacy([api_legacy.trace(spans)]) if spans else legacy_error(404, "trace not found")

    def _dependencies(self, params: Params) -> Answer:
        try:
            start_ns, end_ns = dependency_window(params)
        except BadParameter as error:
            return legacy_error(400, str(error))
        service = first(params, "service")
        links = [
            {"parent": parent, "child": child, "callCount": count}
            for parent, child, count in self._store.calls(start_ns, end_ns)
            if service in ("", parent, child)
        ]
        return legacy(links)

    def _operations_of(self, params: Params) -> list[tuple[str, int]]:
        kind = first(params, "spanKind", "span_kind")
        found = self._store.operations(first(params, "service"))
        return [(name, number) for name, number in found if not kind or KINDS[number] == kind]


def legacy(data: list[Any], *, total: int = 0, errors: list[dict[str, Any]] | None = None) -> Answer:
    """Jaeger's structured response. `total` is filled for services and operations only, as Jaeger does."""
    return as_json({"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors})


def legacy_error(status: int, message: str) -> Answer:
    errors = [{"code": status, "msg": message}]
    return as_json({"data": None, "total": 0, "limit": 0, "offset": 0, "errors": errors}, status)


def v3_error(status: int, message: str) -> Answer:
    return as_json({"error": {"httpCode": status, "message": message}}, status)
