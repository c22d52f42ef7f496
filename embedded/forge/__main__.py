"""Run the forge: python -m embedded.forge --port 3000 --data DIR --accounts FILE."""

import argparse
import asyncio
import json
import logging
import os
import socket
import sys
from pathlib import Path

import uvicorn

from embedded.forge.accounts import Accounts, BadAccounts, checked, parse_account, read_accounts
from embedded.forge.app import build_app
from embedded.forge.http import HangUpProtocol
from embedded.forge.limits import PRIMARY
from embedded.forge.pages import routes
from embedded.forge.world import open_world


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m embedded.forge", description="A local GitHub for one repository.")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; a container listens on 0.0.0.0")
    parser.add_argument("--site", default="", help="URL of the pages as people open them; else as each client asks")
    parser.add_argument("--data", type=Path, required=True, help="folder of the database and the git repository")
    parser.add_argument("--accounts", type=Path, help='JSON, mode 0600: {"repo","accounts":[{"login","token","role"}]}')
    parser.add_argument("--repo", help="owner/name, when --accounts is not given")
    parser.add_argument("--account", action="append", default=[], help="NAME=login:token:role (shows in ps)")
    parser.add_argument("--seed-dir", type=Path, help="files of the first commit of an empty repository")
    parser.add_argument("--rate-limit", type=int, default=PRIMARY, help="requests an hour per account")
    return parser


def known_accounts(options: argparse.Namespace) -> Accounts:
    """The accounts from the file, or from the command line."""
    if options.accounts is not None:
        return read_accounts(options.accounts)
    if not options.repo or not options.account:
        raise BadAccounts("give --accounts FILE, or --repo and --account")
    return checked(options.repo, [parse_account(text) for text in options.account])


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; prints one line of JSON when ready."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    options = arguments().parse_args()
    try:
        accounts = known_accounts(options)
    except (BadAccounts, OSError) as error:
        sys.stderr.write(f"forge: {error}\n")
        return 2
    world = open_world(options.data.resolve(), accounts, seed_from=options.seed_dir, rate_limit=options.rate_limit)
    world.people = options.site.rstrip("/")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((options.host, options.port))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        build_app(world, routes(world)),
        http=HangUpProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=60,
    )
    try:
        asyncio.run(_serve(uvicorn.Server(config), listener, url))
    finally:
        world.close()
    return 0


async def _serve(server: uvicorn.Server, listener: socket.socket, url: str) -> None:
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    if server.started:
        ready = {"ready": True, "url": url, "api": f"{url}/api/v3", "pid": os.getpid()}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
    await serving


if __name__ == "__main__":
    sys.exit(main())
