"""clone, fetch and push over HTTP, by git's own `git http-backend`."""

import asyncio
import os
import re
import time
from asyncio.subprocess import PIPE, Process

from starlette.types import Receive, Scope, Send

from embedded.forge.accounts import Account, Role
from embedded.forge.git.repository import ISOLATED
from embedded.forge.http import header_of, send_answer, token_of
from embedded.forge.request_log import Entry
from embedded.forge.world import World

ADDRESS = re.compile(
    r"/(?P<repo>[^/]+/[^/]+?)(?:\.git)?(?P<what>/info/refs|/git-upload-pack|/git-receive-pack|/HEAD|/objects/.*)"
)
CHUNK = 65_536


class SmartHttp:
    """Everyone may fetch; a push needs a token (as password) of an account with write."""

    def __init__(self, world: World) -> None:
        self._world = world

    @staticmethod
    def takes(path: str) -> bool:
        """Whether this address belongs to git."""
        return ADDRESS.fullmatch(path) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        token = token_of(scope)
        account = self._world.account(token) if token else None
        match = ADDRESS.fullmatch(scope["path"])
        query = scope["query_string"].decode("latin-1")
        writes = scope["path"].endswith("/git-receive-pack") or "service=git-receive-pack" in query
        status = self._status(match["repo"] if match else "", token, account, writes=writes)
        if status != 200:
            headers = {"Content-Type": "text/plain"}
            if status == 401:
                headers["WWW-Authenticate"] = 'Basic realm="GitHub"'
            await send_answer(
                send, status, headers, b"Repository not found.\n" if status == 404 else b"Permission denied.\n"
            )
        else:
            status = await self._backend(
                scope, receive, send, match["what"] if match else "", account if writes else None
            )
        agent = header_of(scope, b"user-agent")
        login = account.login if account else None
        ms = (time.perf_counter() - start) * 1000
        self._world.log.add(Entry(scope["method"], scope["path"], query, status, login, agent, ms, None))

    def _status(self, repo: str, token: str | None, account: Account | None, *, writes: bool) -> int:
        if repo.lower() != self._world.store.repo.lower():
            return 404
        if token and account is None:
            return 401
        if not writes:
            return 200
        if account is None:
            return 401
        return 200 if self._world.store.users.role(account.login) >= Role.WRITE else 403

    async def _backend(self, scope: Scope, receive: Receive, send: Send, what: str, pusher: Account | None) -> int:
        process = await asyncio.create_subprocess_exec(
            "git", "http-backend", stdin=PIPE, stdout=PIPE, env=self._environment(scope, what, pusher), cwd="/"
        )
        feeding = asyncio.ensure_future(_feed(process, receive))
        try:
            status, headers = await _cgi_head(process)
            await send({"type": "http.response.start", "status": status, "headers": headers})
            pieces: list[bytes] = []
            stdout = process.stdout
            while stdout is not None and (piece := await stdout.read(CHUNK)):
                if pusher is None:
                    await send({"type": "http.response.body", "body": b"".join([*pieces, piece]), "more_body": True})
                    pieces = []
                else:
                    pieces.append(piece)
            await process.wait()
            if pusher is not None and what == "/git-receive-pack":
                await asyncio.to_thread(self._pushed, pusher)
            await send({"type": "http.response.body", "body": b"".join(pieces)})
            return status
        finally:
            feeding.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _pushed(self, pusher: Account) -> None:
        """Notice what the push moved before the pusher hears that it succeeded."""
        with self._world.acting(pusher.login):
            self._world.git.reconcile()

    def _environment(self, scope: Scope, what: str, pusher: Account | None) -> dict[str, str]:
        root = self._world.git.path.parents[1]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            **ISOLATED,
            "GIT_PROJECT_ROOT": str(root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{self._world.store.repo}.git{what}",
            "QUERY_STRING": scope["query_string"].decode("latin-1"),
            "REQUEST_METHOD": scope["method"],
            "CONTENT_TYPE": header_of(scope, b"content-type"),
            "HTTP_CONTENT_ENCODING": header_of(scope, b"content-encoding"),
            "GIT_PROTOCOL": header_of(scope, b"git-protocol"),
            "REMOTE_ADDR": "127.0.0.1",
        }
        if header_of(scope, b"content-length"):
            environment["CONTENT_LENGTH"] = header_of(scope, b"content-length")
        if pusher is not None:
            environment["REMOTE_USER"] = pusher.login
        return environment


async def _feed(process: Process, receive: Receive) -> None:
    """Pass the request body on; git that has heard enough may hang up."""
    if process.stdin is None:
        return
    try:
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                break
            process.stdin.write(message.get("body", b""))
            await process.stdin.drain()
            more = message.get("more_body", False)
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        return


async def _cgi_head(process: Process) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Status and headers, as a CGI program prints them."""
    status = 200
    headers: list[tuple[bytes, bytes]] = []
    stdout = process.stdout
    if stdout is None:
        raise RuntimeError("git http-backend without stdout")
    while (line := (await stdout.readline()).rstrip(b"\r\n")) != b"":
        name, _, value = line.partition(b": ")
        if name.lower() == b"status":
            status = int(value.split(b" ")[0])
        else:
            headers.append((name, value))
    return status, headers
