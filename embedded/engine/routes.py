"""The part of the Docker Engine API this engine speaks: one table, one line per endpoint."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from embedded.engine import streams, views
from embedded.engine.container import Container
from embedded.engine.errors import ApiError
from embedded.engine.exchange import Answer, Handler, Request, Response
from embedded.engine.filters import CONTAINER_KEYS, container_matches, parse_filters
from embedded.engine.registry import Registry
from embedded.engine.spec import parse_signal

_VERSION_PREFIX = re.compile(r"/v(\d+)\.(\d+)(?=/)")
_OLDEST = tuple(map(int, views.MIN_API_VERSION.split(".")))
_DONE = Response(204)


class Api:
    """Answers requests for one engine. A read-only one answers what only looks, and 403 to the rest."""

    def __init__(self, engine: Registry, *, read_only: bool) -> None:
        self._engine = engine
        self._read_only = read_only

    def answer(self, request: Request) -> Answer:
        """Find the endpoint and run it. Raises ApiError."""
        path = self._unversioned(request.path)
        method = "GET" if request.method == "HEAD" else request.method
        for wanted, pattern, looks_only, handler in ROUTES:
            if wanted == method and (matched := pattern.fullmatch(path)):
                if self._read_only and not looks_only:
                    break
                return handler(self._engine)(request, matched[1] if pattern.groups else "")
        if self._read_only:
            raise ApiError(403, "read-only socket")
        raise ApiError(404, "page not found")

    def _unversioned(self, path: str) -> str:
        matched = _VERSION_PREFIX.match(path)
        if not matched:
            return path
        if (int(matched[1]), int(matched[2])) < _OLDEST:
            raise ApiError(400, f"client version is too old. Minimum supported API version is {views.MIN_API_VERSION}")
        return path[matched.end() :]


def _ping(_: Registry) -> Handler:
    headers = {"API-Version": views.API_VERSION, "Docker-Experimental": "false", "Ostype": "linux"}
    return lambda *_: Response(text="OK", headers=headers)


def _version(_: Registry) -> Handler:
    return lambda *_: Response(data=views.version())


def _info(engine: Registry) -> Handler:
    return lambda *_: Response(data=views.info(engine.all(), str(engine.data)))


def _events(engine: Registry) -> Handler:
    return lambda request, _: streams.events(engine, request)


def _list(engine: Registry) -> Handler:
    def handle(request: Request, _: str) -> Answer:
        filters = parse_filters(request.query.get("filters"), CONTAINER_KEYS)
        limit = int(request.number("limit") or 0)
        everything = request.flag("all") or limit > 0 or bool({"status", "exited"} & set(filters))
        chosen = [c for c in engine.all() if container_matches(c, filters) and (everything or c.state.running)]
        return Response(data=[views.summary(c) for c in (chosen[:limit] if limit > 0 else chosen)])

    return handle


def _create(engine: Registry) -> Handler:
    def handle(request: Request, _: str) -> Answer:
        container = engine.create(request.query.get("name"), request.json())
        return Response(201, {"Id": container.spec.id, "Warnings": []})

    return handle


def _start(engine: Registry) -> Handler:
    def handle(_: Request, reference: str) -> Answer:
        container = engine.get(reference)
        container.start()
        if container.spec.auto_remove:
            engine.remove_when_exited(container)
        return _DONE

    return handle


def _remove(engine: Registry) -> Handler:
    def handle(request: Request, reference: str) -> Answer:
        engine.remove(reference, force=request.flag("force"))
        return _DONE

    return handle


def _grace(request: Request) -> float | None:
    """`t` in seconds; None for the container's own; negative is without end, here an hour."""
    seconds = request.number("t")
    return seconds if seconds is None or seconds >= 0 else 3600.0


def _stop(container: Container, request: Request) -> Answer:
    container.stop(_grace(request))
    return _DONE


def _restart(container: Container, request: Request) -> Answer:
    container.restart(_grace(request))
    return _DONE


def _kill(container: Container, request: Request) -> Answer:
    container.kill(parse_signal(request.query.get("signal") or "SIGKILL"))
    return _DONE


def _inspect(container: Container, _: Request) -> Answer:
    return Response(data=views.inspect(container))


def _image(engine: Registry) -> Handler:
    return lambda _, reference: Response(data=views.image(*engine.image(reference)))


def _images(engine: Registry) -> Handler:
    def handle(_: Request, __: str) -> Answer:
        names = dict.fromkeys(c.spec.image for c in engine.all())
        images = [views.image(*engine.image(name)) for name in names]
        created = [int(engine.image(name)[1] // 1_000_000_000) for name in names]
        rows = zip(images, created, strict=True)
        return Response(data=[{**row, "Created": when, "Containers": -1, "Labels": {}} for row, when in rows])

    return handle


def _on(operation: Callable[[Container, Request], Answer]) -> Callable[[Registry], Handler]:
    """An endpoint of one container."""
    return lambda engine: lambda request, reference: operation(engine.get(reference), request)


_ONE = r"/containers/([^/]+)"

ROUTES: Final[tuple[tuple[str, re.Pattern[str], bool, Callable[[Registry], Handler]], ...]] = tuple(
    (method, re.compile(pattern), looks_only, handler)
    for method, pattern, looks_only, handler in (
        ("GET", r"/_ping", True, _ping),
        ("GET", r"/version", True, _version),
        ("GET", r"/info", True, _info),
        ("GET", r"/events", True, _events),
        ("GET", r"/containers/json", True, _list),
        ("GET", _ONE + r"/json", True, _on(_inspect)),
        ("GET", _ONE + r"/logs", True, _on(streams.logs)),
        ("GET", _ONE + r"/stats", True, _on(streams.statistics)),
        ("POST", r"/containers/create", False, _create),
        ("POST", _ONE + r"/start", False, _start),
        ("POST", _ONE + r"/stop", False, _on(_stop)),
        ("POST", _ONE + r"/restart", False, _on(_restart)),
        ("POST", _ONE + r"/kill", False, _on(_kill)),
        ("POST", _ONE + r"/wait", False, _on(streams.wait)),
        ("DELETE", _ONE, False, _remove),
        ("GET", r"/images/json", False, _images),
        ("GET", r"/images/(.+)/json", False, _image),
    )
)
"""(method, path, whether the read-only socket has it, handler)."""
