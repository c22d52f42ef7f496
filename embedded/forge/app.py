"""The forge as one ASGI application: /_forge, git, REST, and whatever pages are mounted."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Router
from starlette.types import Receive, Scope, Send

from embedded.forge.admin import Admin
from embedded.forge.git.smart_http import SmartHttp
from embedded.forge.http import hang_up, header_of, send_answer
from embedded.forge.rest.api import Api
from embedded.forge.world import World

PREFIX = "/api/v3"
REST_WORDS = frozenset({"repos", "repositories", "user", "users", "rate_limit", "search", "meta", "graphql"})
"""First words of a path that are REST without the prefix, and so can be neither an owner nor a page."""


class Forge:
    """Routes by the first word: /_forge, /api/v3, plain REST words; everything else belongs to `pages`."""

    def __init__(self, world: World, pages: Sequence[BaseRoute] = ()) -> None:
        self.world = world
        self._api = Api(world)
        self._admin = Admin(world)
        self._git = SmartHttp(world)
        self._pages = Router(routes=pages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        path: str = scope["path"]
        host = header_of(scope, b"host")
        if host:
            self.world.site = f"{scope['scheme']}://{host}"
        word = path.split("/", 2)[1]
        if word == "_forge":
            await self._admin(scope, receive, send)
        elif self.world.misbehaviour.down:
            await self._down(scope, receive, send)
        elif path == PREFIX or path.startswith(PREFIX + "/"):
            await self._api(scope, receive, send, PREFIX)
        elif path == "/api/graphql":  # where GitHub Enterprise has it
            await self._api(scope, receive, send, "/api")
        elif word in REST_WORDS:
            await self._api(scope, receive, send, "")
        elif SmartHttp.takes(path):
            await self._git(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    async def _down(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.world.misbehaviour.down == "drop":
            await hang_up(scope, receive)
            return
        body = b"<!DOCTYPE html><title>Unicorn! &middot; the forge</title><p>No server is currently available."
        await send_answer(send, 503, {"Content-Type": "text/html; charset=utf-8"}, body)


def build_app(world: World, extra_routes: Sequence[BaseRoute] = ()) -> Forge:
    """The application of one world. `extra_routes` are Starlette routes for people: /, /{owner}/{repo}/issues, ..."""
    return Forge(world, extra_routes)
