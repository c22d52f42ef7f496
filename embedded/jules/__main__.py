"""Run the embedded Jules: python -m embedded.jules --port 0 --data DIR --forge URL --accounts FILE --key-file FILE."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from embedded.forge.accounts import BadAccounts, read_accounts
from embedded.forge.http import HangUpProtocol
from embedded.jules.agent import Agent
from embedded.jules.api import Api, Setup
from embedded.jules.app import App
from embedded.jules.misbehave import Switch
from embedded.jules.store import DataInUse, Store
from embedded.jules.workshop import LOGIN, Forge, Workshop


class Unusable(ValueError):
    """The command line leaves something open."""


@dataclass(frozen=True, slots=True)
class Access:
    """The repository, the token of the account that opens pull requests, and the key that callers show."""

    repo: str
    token: str = field(repr=False)
    key: str = field(repr=False)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m embedded.jules", description="A local Jules that replays patches.")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port; always on 127.0.0.1")
    parser.add_argument("--data", type=Path, required=True, help="folder of the sessions")
    parser.add_argument("--forge", required=True, metavar="URL", help="the forge's pages and git")
    parser.add_argument("--accounts", type=Path, help=f"the forge's accounts, mode 0600, with {LOGIN}")
    parser.add_argument("--key-file", type=Path, help="file with the API key that callers show, mode 0600")
    parser.add_argument("--repo", help="owner/name, when --accounts is not given")
    parser.add_argument("--token", help="of the forge's account, when --accounts is not given (shows in ps)")
    parser.add_argument("--key", help="the API key, when --key-file is not given (shows in ps)")
    parser.add_argument("--source", help="name of the repository as a source (sources/github/OWNER/NAME)")
    parser.add_argument("--a-day", type=int, default=15, help="sessions in 24 hours")
    parser.add_argument("--at-once", type=int, default=3, help="sessions under way; the others are queued")
    return parser


def access(options: argparse.Namespace) -> Access:
    """Raises Unusable, BadAccounts or OSError."""
    repo, token, key = options.repo, options.token, options.key
    if options.accounts:
        known = read_accounts(options.accounts)
        repo = known.repo
        token = next((one.token for one in known.everyone if one.login == LOGIN), None)
    if options.key_file:
        if options.key_file.stat().st_mode & 0o077:
            raise Unusable(f"{options.key_file} can be read by others; chmod 600 it")
        key = options.key_file.read_text(encoding="utf-8").strip()
    if not repo or not token or not key:
        raise Unusable(f"needs --accounts with {LOGIN} (or --repo and --token), and --key-file (or --key)")
    return Access(repo, token, key)


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; prints one line of JSON when ready."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    options = arguments().parse_args()
    try:
        who = access(options)
        store = Store(options.data.resolve())
    except (Unusable, BadAccounts, DataInUse, OSError) as error:
        sys.stderr.write(f"jules: {error}\n")
        return 2
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", options.port))
    site = f"http://127.0.0.1:{listener.getsockname()[1]}"
    switch = Switch()
    workshop = Workshop(Forge(options.forge.rstrip("/"), who.repo, who.token))
    agent = Agent(store, workshop, switch, options.at_once, site)
    setup = Setup(who.key, who.repo, options.source or f"sources/github/{who.repo}", options.a_day, site)
    config = uvicorn.Config(
        App(Api(setup, store, agent, switch), store, switch),
        http=HangUpProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    agent.start()
    try:
        asyncio.run(_serve(uvicorn.Server(config), listener, site))
    finally:
        agent.stop()
        workshop.close()
        store.close()
    return 0


async def _serve(server: uvicorn.Server, listener: socket.socket, site: str) -> None:
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    if server.started:
        ready = {"ready": True, "url": site, "api": f"{site}/v1alpha", "pid": os.getpid()}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
    await serving


if __name__ == "__main__":
    sys.exit(main())
