"""From method and path to a handler: an explicit table, looked up by its first word."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from embedded.forge.rest.call import Answer, Call

Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """`pattern` is a path such as /repos/{owner}/{repo}/git/ref/{ref:path}; {x} is one segment, {x:path} the rest.

    `live` marks answers that may change without a change in the store (git, limits): they are never answered from
    the memory of an earlier ETag.
    """

    method: str
    pattern: str
    handler: Handler
    live: bool = False


def repo(method: str, pattern: str, handler: Handler, *, live: bool = False) -> Route:
    """A route below /repos/{owner}/{repo}."""
    return Route(method, "/repos/{owner}/{repo}" + pattern, handler, live)


class Router:
    def __init__(self, routes: Iterable[Route]) -> None:
        self._table: dict[tuple[str, str], list[tuple[re.Pattern[str], Route]]] = {}
        for route in routes:
            self._table.setdefault((route.method, word(route.pattern)), []).append((_compiled(route.pattern), route))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The first route that fits, with the pieces of the path."""
        for pattern, route in self._table.get((method, word(path)), ()):
            match = pattern.fullmatch(path)
            if match:
                return route, match.groupdict()
        return None


def word(path: str) -> str:
    """The part a path is filed under: the word after /repos/o/r, or the first one."""
    parts = path.split("/", 5)
    if len(parts) > 1 and parts[1] == "repos":
        return "repos/" + (parts[4] if len(parts) > 4 else "")
    return parts[1] if len(parts) > 1 else ""


def _compiled(pattern: str) -> re.Pattern[str]:
    def piece(match: re.Match[str]) -> str:
        name, _, kind = match.group(1).partition(":")
        return f"(?P<{name}>.+)" if kind == "path" else f"(?P<{name}>[^/]+)"

    return re.compile(re.sub(r"\{([^}]+)\}", piece, pattern))
