"""The REST side of the forge: authenticate, misbehave if told to, count, route, answer."""

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from embedded.forge.git.repository import RefChange
from embedded.forge.http import hang_up, header_of, read_body, send_answer
from embedded.forge.misbehave import Rule
from embedded.forge.request_log import Entry
from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import Refused, bad_credentials, bad_json, not_found
from embedded.forge.rest.gate import admit, refuse_early
from embedded.forge.rest.pushes import announce_push
from embedded.forge.rest.request import Request, same_repository
from embedded.forge.rest.router import Route
from embedded.forge.rest.routes import router
from embedded.forge.rest.urls import Urls
from embedded.forge.world import World

THREADS = 8
REMEMBERED_ETAGS = 1024
MAX_REQUEST = 40 * 1024 * 1024
UNICORN = b'{"message":"Server Error","documentation_url":"https://docs.github.com/rest","status":"502"}'
VARY = "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding, Accept, X-Requested-With"


class Api:
    """Answers requests below /api/v3 and, for clients that know no prefix, below /."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="forge")
        self._etags: OrderedDict[tuple[str, ...], tuple[int, str]] = OrderedDict()
        world.on_push.append(self._pushed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, prefix: str) -> None:
        """Answer one request and log it."""
        start = time.perf_counter()
        request = Request(self._world, scope, prefix)
        status = 500
        rule: Rule | None = None
        try:
            raw = await read_body(receive)
            if self._world.misbehaviour.latency_ms:
                await asyncio.sleep(self._world.misbehaviour.latency_ms / 1000)
            rule = self._world.misbehaviour.rule_for(request.method, request.path, request.login or "")
            status, headers, body = await self._answer(request, raw, rule)
            if rule and rule.kind in {"timeout", "drop", "commit_then_drop"}:
                status = 0
                if rule.kind == "timeout":
                    await _until_gone(receive)
                await hang_up(scope, receive)
                return
            if request.method == "HEAD":
                body = b""
        finally:
            ms = (time.perf_counter() - start) * 1000
            agent = header_of(scope, b"user-agent")
            kind = rule.kind if rule else None
            self._world.log.add(
                Entry(request.method, request.path, request.query_string, status, request.login, agent, ms, kind)
            )
        await send_answer(send, status, headers, body)

    async def _answer(self, request: Request, raw: bytes, rule: Rule | None) -> tuple[int, dict[str, str], bytes]:
        limits = self._world.limits
        quota = limits.quota(request.login or "")
        try:
            if rule is not None:
                refuse_early(rule, quota, request)
            if request.token is not None and request.account is None:
                raise bad_credentials()
            admit(limits, quota, request)
            found = router.find("GET" if request.method == "HEAD" else request.method, request.path)
            if found is None:
                raise not_found()
            route, params = found
            same_repository(self._world, params)
            limits.running += 1
            try:
                status, headers, body = await self._routed(request, route, params, raw)
            finally:
                limits.running -= 1
        except Refused as refused:
            status, headers, body = refused.status, dict(refused.headers), _bytes(refused.body)
        if status != 304 and request.path != "/rate_limit":
            quota.used += 1
        if rule is not None and rule.kind == "commit_then_502":
            return 502, {"Content-Type": "application/json; charset=utf-8"}, UNICORN
        return status, quota.headers() | _common(request) | headers, body

    async def _routed(
        self, request: Request, route: Route, params: dict[str, str], raw: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        wants = request.if_none_match
        reads = route.method == "GET"
        key = (
            request.token or "",
            request.urls.site,
            request.urls.prefix,
            request.path,
            request.query_string,
            request.accept,
            request.version,
        )
        seq = self._world.store.seq
        hidden = self._world.misbehaviour.hide_new_for_s
        if reads and wants and not route.live and not hidden and self._etags.get(key) == (seq, wants):
            return 304, {"ETag": wants, "Cache-Control": "private, max-age=60, s-maxage=60", "Vary": VARY}, b""
        loop = asyncio.get_running_loop()
        answer, body = await loop.run_in_executor(self._threads, self._handled, request, route, params, raw)
        headers = dict(answer.headers)
        if answer.status == 204:
            return 204, headers, b""
        if answer.status < 300:
            etag = 'W/"' + hashlib.sha256((request.token or "").encode() + b"\0" + body).hexdigest() + '"'
            headers |= {"ETag": etag, "Cache-Control": "private, max-age=60, s-maxage=60", "Vary": VARY}
            headers |= _last_modified(answer.body)
            if reads and not hidden:
                self._etags[key] = (seq, etag)
                self._etags.move_to_end(key)
                if len(self._etags) > REMEMBERED_ETAGS:
                    self._etags.popitem(last=False)
                if wants in {etag, "*"}:
                    return 304, headers, b""
        return answer.status, headers, body

    def _handled(self, request: Request, route: Route, params: dict[str, str], raw: bytes) -> tuple[Answer, bytes]:
        """Run the handler on a worker thread and write its answer as bytes."""
        hidden = self._world.misbehaviour.hide_new_for_s
        call = Call(
            store=self._world.store,
            git=self._world.git,
            urls=request.urls,
            account=request.account,
            method=request.method,
            path=request.raw_path,
            params=params,
            query=dict(parse_qsl(request.query_string, keep_blank_values=True)),
            body=_parsed(raw),
            courier=self._world.courier,
            quota=self._world.limits.quota(request.login or "").shape(),
            accept=request.accept,
            hidden_after=time.time() - hidden if hidden else float("inf"),
        )
        with self._world.acting(request.login or ""):
            answer = route.handler(call)
        return answer, _bytes(answer.body) if answer.raw is None else answer.raw

    def _pushed(self, login: str, moved: Sequence[RefChange]) -> None:
        """Tell webhooks of pushes, new and deleted branches, and pull requests whose head moved."""
        for change in moved:
            urls = Urls(self._world.site, "/api/v3", self._world.store.repo, people=self._world.people)
            announce_push(self._world, urls, login, change)


def _common(request: Request) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "X-GitHub-Media-Type": "github.v3; format=json",
        "x-github-api-version-selected": request.version,
    }
    if request.account is not None and not request.account.app and request.account.scopes is not None:
        headers |= {"X-OAuth-Scopes": request.account.scopes, "X-Accepted-OAuth-Scopes": "repo"}
    return headers


def _last_modified(body: Any) -> dict[str, str]:
    at = body.get("updated_at") if isinstance(body, dict) else None
    if not isinstance(at, str) or not at:
        return {}
    return {"Last-Modified": format_datetime(datetime.fromisoformat(at), usegmt=True)}


def _parsed(raw: bytes) -> Any:
    if not raw.strip():
        return None
    if len(raw) > MAX_REQUEST:
        raise Refused(413, "Payload too large")
    try:
        body = json.loads(raw)
        if b"\\ud" in raw.lower():
            _bytes(body).decode("utf-8")  # half a surrogate pair is not text
    except ValueError:
        raise bad_json() from None
    return body


def _bytes(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


async def _until_gone(receive: Receive) -> None:
    """Wait until the client hangs up, two minutes at most."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), 120)
    except TimeoutError:
        return
