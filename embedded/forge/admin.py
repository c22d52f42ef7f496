"""The forge's own addresses below /_forge: the misbehaviour switch, the request log, health."""

import json
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from embedded.forge.http import header_of, read_body, send_answer
from embedded.forge.limits import Secondary
from embedded.forge.misbehave import BadMisbehaviour, Misbehaviour, parse
from embedded.forge.world import World

AVATAR = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40"'
    ' fill="hsl({hue} 55% 55%)"/>'
    '<text x="20" y="27" font-family="sans-serif" font-size="20" fill="white"'
    ' text-anchor="middle">{letter}</text></svg>'
)


class Admin:
    """Needs the header `X-Forge-Admin: <token of an admin account>`, except for health and avatars."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._primary = world.limits.primary

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"].removeprefix("/_forge"), scope["method"]
        body = await read_body(receive)
        if path.startswith("/avatars/"):
            await self._avatar(send, path.removeprefix("/avatars/"))
            return
        if path != "/health" and not self._world.is_admin(header_of(scope, b"x-forge-admin")):
            status, answer = 403, {"message": "X-Forge-Admin must be the token of an admin account"}
        else:
            query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
            try:
                status, answer = self._act(method, path, query, body)
            except (BadMisbehaviour, ValueError) as error:
                status, answer = 422, {"message": str(error)}
        await send_answer(send, status, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def _act(self, method: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, Any]:
        world = self._world
        since = int(query.get("since", "0"))
        match method, path:
            case "GET", "/health":
                return 200, {"ok": True, "repo": world.store.repo, "seq": world.store.seq}
            case "GET", "/misbehave":
                return 200, shown(world.misbehaviour)
            case "PUT", "/misbehave":
                self._switch(parse(json.loads(body or b"{}")))
                return 200, shown(world.misbehaviour)
            case "DELETE", "/misbehave":
                self._switch(Misbehaviour())
                return 200, shown(world.misbehaviour)
            case "GET", "/log":
                return 200, world.log.since(since, min(100_000, int(query.get("limit", "10000"))))
            case "DELETE", "/log":
                world.log.clear()
                return 200, {}
            case "GET", "/stats":
                return 200, world.log.stats(since)
            case "GET", "/changes":
                found = world.store.changes_since(since)
                return 200, [
                    {"seq": c.seq, "at": c.at, "repo": c.repo, "kind": c.kind, "number": c.number} for c in found
                ]
        return 404, {"message": f"nothing at {method} /_forge{path}"}

    def _switch(self, wanted: Misbehaviour) -> None:
        limits = self._world.limits
        limits.primary = self._primary if wanted.rate_limit is None else wanted.rate_limit
        limits.secondary = None if wanted.secondary_limits is None else Secondary(**wanted.secondary_limits)
        self._world.misbehaviour = wanted

    async def _avatar(self, send: Send, key: str) -> None:
        user = next((u for u in self._world.store.users.all() if str(u.id) == key), None)
        svg = AVATAR.format(hue=(user.id * 137) % 360 if user else 0, letter=(user.login[0].upper() if user else "?"))
        headers = {"Content-Type": "image/svg+xml", "Cache-Control": "public, max-age=86400"}
        await send_answer(send, 200, headers, svg.encode())


def shown(now: Misbehaviour) -> dict[str, Any]:
    """The switch as JSON, rules with what is left of their `times`."""
    rules = [{name: getattr(rule, name) for name in type(rule).__slots__} for rule in now.rules]
    return {name: getattr(now, name) for name in type(now).__slots__} | {"rules": rules}
