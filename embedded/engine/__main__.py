"""`python -m embedded.engine --socket PATH [--readonly-socket PATH] --data DIR`: run the engine until SIGTERM."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from pathlib import Path

from embedded.ending import asked_to_end
from embedded.engine.registry import DataInUse, Registry
from embedded.engine.routes import Api
from embedded.engine.server import SocketUnusable, UnixServer


def main() -> int:
    """Serve; 0 after a signal, 1 when the sockets or the data folder cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m embedded.engine", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket with the whole API")
    parser.add_argument("--readonly-socket", type=Path, help="second socket that only looks")
    parser.add_argument("--data", type=Path, required=True, help="folder for states and logs")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    options = parser.parse_args()
    logging.basicConfig(level=options.log_level, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    wait = asked_to_end()
    try:
        engine = Registry(options.data.resolve())
    except DataInUse as error:
        return _fail(error)
    servers: list[UnixServer] = []
    try:
        for path, read_only in ((options.socket, False), (options.readonly_socket, True)):
            if path:
                servers.append(UnixServer(path.absolute(), Api(engine, read_only=read_only), engine.stopping))
        engine.restore()
        for server in servers:
            server.serve()
        readonly = str(options.readonly_socket.absolute()) if options.readonly_socket else None
        ready = {"ready": True, "socket": str(options.socket.absolute()), "readonly_socket": readonly}
        sys.stdout.write(json.dumps({**ready, "pid": os.getpid()}) + "\n")
        sys.stdout.flush()
        wait()
    except SocketUnusable as error:
        return _fail(error)
    finally:
        engine.close()
        for server in servers:
            server.server_close()
            Path(str(server.server_address)).unlink(missing_ok=True)
    return 0


def _fail(error: Exception) -> int:
    sys.stderr.write(f"engine: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
