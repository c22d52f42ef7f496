"""`python -m embedded.broker`: a Kafka broker for one machine. See embedded/BROKER.md for what it can and cannot do."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Final

from embedded.broker.mock import MockCluster
from embedded.broker.relay import Relay

log = logging.getLogger("embedded.broker")

TOPICS: Final = {
    "business.events": 4,
    "sre.wakeups": 4,
    "sre.thoughts": 1,
    "sre.heartbeats": 1,
    "sre.baselines": 1,
    "sre.vitals": 1,
    "sre.dead-letters": 1,
}
"""Topic to number of partitions. Where order across keys helps people to follow along, one partition."""


def remembered_port(folder: Path | None) -> int:
    """The port of the previous run in this folder, 0 when there was none or the file cannot be read as one."""
    if folder is None:
        return 0
    try:
        port = int((folder / "port").read_text().strip())
    except (FileNotFoundError, ValueError):
        return 0
    return port if 0 < port < 65536 else 0


async def open_relay(upstream: tuple[str, int], port: int) -> Relay:
    """A relay on `port`, or on any free port when that one is taken, said on the log."""
    relay = Relay(upstream, "127.0.0.1", port)
    try:
        await relay.open()
    except OSError as error:
        if port == 0:
            raise
        log.warning("port %d is taken (%s); using a free one", port, error.strerror)
        relay = Relay(upstream, "127.0.0.1", 0)
        await relay.open()
    return relay


async def serve(port: int, folder: Path | None) -> None:
    stop, want_up = asyncio.Event(), asyncio.Event()
    want_up.set()
    changed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(event: signal.Signals) -> None:
        if event is signal.SIGUSR1:
            want_up.clear()
        elif event is signal.SIGUSR2:
            want_up.set()
        else:
            stop.set()
        changed.set()

    for event in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
        loop.add_signal_handler(event, on_signal, event)

    with MockCluster() as cluster:
        for topic, partitions in TOPICS.items():
            cluster.create_topic(topic, partitions)
        relay = await open_relay(cluster.listener, port or remembered_port(folder))
        cluster.advertise(relay.host, relay.port)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "port").write_text(f"{relay.port}\n")
        ready = {"ready": True, "bootstrap": f"{relay.host}:{relay.port}", "pid": os.getpid()}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        while not stop.is_set():
            await changed.wait()
            changed.clear()
            await (relay.open() if want_up.is_set() else relay.close())
            log.info("broker is %s", "up" if want_up.is_set() else "down")
        await relay.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m embedded.broker", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="preferred port; 0: the last one used with --data, or free")
    parser.add_argument("--data", type=Path, help="folder that remembers the port (messages are never stored)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(serve(arguments.port, arguments.data))


if __name__ == "__main__":
    main()
