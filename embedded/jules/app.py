"""The server as one ASGI application: misbehaviour first, then the REST and a page for people."""

from __future__ import annotations

import asyncio
import html
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from embedded.forge.http import hang_up
from embedded.jules.api import Api, error
from embedded.jules.misbehave import EARLY, Rule, Switch
from embedded.jules.store import Store

HUGE: Final = 64 * 1024 * 1024
"""Bytes."""


class App:
    """Everything but `/_jules` may misbehave."""

    def __init__(self, api: Api, store: Store, switch: Switch) -> None:
        self._switch, self._store = switch, store
        self._router = Router([*api.routes(), Route("/session/{id}", self.page)])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        rule = None if path.startswith("/_jules/") else self._switch.rule_for(scope["method"], path)
        if rule is None:
            await self._router(scope, receive, send)
        else:
            await self._misbehave(rule, scope, receive, send)

    async def _misbehave(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        after = {"Retry-After": str(rule.retry_after)} if rule.retry_after is not None else {}
        if rule.kind.startswith("commit_then_"):
            await self._router(scope, receive, _swallow)
        if rule.kind in ("drop", "commit_then_drop"):
            await hang_up(scope, receive)
        elif rule.kind == "commit_then_hang":
            await asyncio.sleep(120)
        elif rule.kind == "302":
            await Response(status_code=302, headers={"Location": "http://127.0.0.1:9/elsewhere"})(scope, receive, send)
        elif rule.kind == "huge":
            await Response(b" " * HUGE, media_type="application/json")(scope, receive, send)
        elif rule.kind == "garbage":
            await HTMLResponse("<title>Sorry</title>")(scope, receive, send)
        else:
            status, code, message = EARLY[rule.kind.removeprefix("commit_then_")]
            await error(status, code, message, after)(scope, receive, send)

    async def page(self, request: Request) -> Response:
        """A session for people, to look at only."""
        session = self._store.get(request.path_params["id"])
        if session is None:
            return HTMLResponse("<!DOCTYPE html><title>No such session</title><p>There is no such session.", 404)
        rows = "".join(
            f"<li><time>{html.escape(activity['createTime'])}</time> <pre>{html.escape(_told(activity))}</pre>"
            for _, activity in self._store.activities(session.id)
        )
        title, prompt = html.escape(session.title), html.escape(session.prompt)
        return HTMLResponse(
            f"<!DOCTYPE html><html lang=en><meta charset=utf-8><title>{title}</title>"
            "<style>body{font:16px/1.5 system-ui;max-width:50rem;margin:2rem auto;padding:0 1rem}"
            "pre{white-space:pre-wrap}</style>"
            f"<h1>{title}</h1><p><b>{html.escape(session.state)}</b> · the embedded Jules server replays patches that "
            f"were prepared beforehand; no model works here.</p><ol>{rows}</ol><h2>Prompt</h2><pre>{prompt}</pre>",
            headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
        )


async def _swallow(message: Message) -> None:
    """An answer that nobody gets."""
    del message


def _told(activity: dict[str, object]) -> str:
    kind = next((name for name in activity if name not in ("createTime", "originator")), "")
    value = activity.get(kind)
    if kind == "planGenerated" and isinstance(value, dict):
        return "\n".join(f"{s['index'] + 1}. {s['title']}: {s['description']}" for s in value["plan"]["steps"])
    words = " ".join(str(one) for one in value.values()) if isinstance(value, dict) else ""
    return f"{kind} {words}".strip()
