"""A request, as far as it is known before its body is read."""

from starlette.types import Scope

from embedded.forge.accounts import Account
from embedded.forge.http import header_of, token_of
from embedded.forge.rest.errors import not_found
from embedded.forge.rest.urls import Urls
from embedded.forge.store import REPOSITORY_ID
from embedded.forge.world import World


class Request:
    """What can be said about a request before its body is read."""

    def __init__(self, world: World, scope: Scope, prefix: str) -> None:
        self.method: str = scope["method"]
        raw = scope.get("raw_path", scope["path"].encode()).decode("latin-1").partition("?")[0]
        self.path = _by_name(world, scope["path"][len(prefix) :].rstrip("/") or "/")
        self.raw_path = _by_name(world, raw[len(prefix) :].rstrip("/") or "/")
        self.query_string: str = scope["query_string"].decode("latin-1")
        self.token = token_of(scope)
        self.account: Account | None = world.account(self.token) if self.token else None
        self.login = self.account.login if self.account else None
        self.accept = header_of(scope, b"accept")
        self.if_none_match = header_of(scope, b"if-none-match")
        self.version = header_of(scope, b"x-github-api-version") or "2022-11-28"
        host = header_of(scope, b"host") or "{}:{}".format(*scope["server"])
        self.urls = Urls(f"{scope['scheme']}://{host}", prefix, world.store.repo, self.version, world.people)


def _by_name(world: World, path: str) -> str:
    """/repositories/<id>/... as /repos/owner/name/..."""
    numbered = f"/repositories/{REPOSITORY_ID}"
    if path == numbered or path.startswith(numbered + "/"):
        return f"/repos/{world.store.repo}{path[len(numbered) :]}"
    return path


def same_repository(world: World, params: dict[str, str]) -> None:
    if "owner" in params and f"{params['owner']}/{params['repo']}".lower() != world.store.repo.lower():
        raise not_found()
