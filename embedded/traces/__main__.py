"""`python -m embedded.traces`: an OTLP receiver and a Jaeger query server over one bounded store in memory."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import sys

from embedded.ending import asked_to_end
from embedded.traces.http import Respond, Server
from embedded.traces.ingest import Receiver
from embedded.traces.query import Queries
from embedded.traces.store import Store

log = logging.getLogger("embedded.traces")


def serve(name: str, port: int, respond: Respond) -> Server:
    """A running server on `port`, or on any free port when that one is taken, said on the log."""
    try:
        server = Server(port, respond)
    except OSError as error:
        if port == 0:
            raise
        log.warning("%s port %d is taken (%s); using a free one", name, port, error.strerror)
        server = Server(0, respond)
    server.start()
    return server


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m embedded.traces", description=__doc__)
    parser.add_argument("--otlp-port", type=int, default=0, help="OTLP/HTTP (real: 4318); 0: any free port")
    parser.add_argument("--query-port", type=int, default=0, help="Jaeger query and pages (real: 16686); 0: any free")
    parser.add_argument("--max-spans", type=int, default=200_000, help="oldest traces are dropped beyond this")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    gc.set_threshold(50_000, 20, 100)  # spans live long and hold no cycles that matter; look at them seldom

    wait = asked_to_end()
    store = Store(arguments.max_spans)
    otlp = serve("OTLP", arguments.otlp_port, Receiver(store))
    query = serve("query", arguments.query_port, Queries(store))
    ready = {"ready": True, "url": query.url, "otlp": otlp.url, "query": query.url, "pid": os.getpid()}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    wait()
    otlp.stop()
    query.stop()


if __name__ == "__main__":
    main()
