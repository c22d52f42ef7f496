"""How long after a comment on GitHub the dashboard's stream tells of it, and what that costs. Server half: no pixels.

`python -m bench.dashboard latency --state DIR`: on a running `up`, comments are written to an incident, each followed
by a wake-up as the fleet's scribe sends it; measured is the time until this process, which follows /events on the same
machine and clock, is told of the changed card: the wake-up, the dashboard's reading of GitHub, replay and the stream.
`python -m bench.dashboard load`: no world; 200 open incidents, 1,000 events a minute and some pages against the
application behind a real server, with its CPU time.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import requests

from mission_control.github import Repository
from mission_control.world import record
from shared.adapters.kafka import Stream
from shared.stream import WAKEUPS, Event

ROOT: Final = Path(__file__).resolve().parents[1]


@dataclass
class Follower:
    """Follows /events; `heard`: (epoch s, incident, card) of every `incident` event."""

    base: str
    heard: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    count: int = 0

    def start(self) -> None:
        stream = requests.get(f"{self.base}/events", stream=True, timeout=30)
        threading.Thread(target=self._follow, args=(stream,), daemon=True).start()

    def _follow(self, stream: requests.Response) -> None:
        kind = ""
        for line in stream.iter_lines(chunk_size=1):
            at = time.time()
            name, _, value = line.decode().partition(": ")
            if name == "event":
                kind = value
                self.count += 1
            elif name == "data" and kind == "incident":
                card = json.loads(value)
                self.heard.append((at, card["number"], card))


def percentile(values: Sequence[float], share: float) -> float:
    """By nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def latency(state: Path, comments: int) -> dict[str, Any]:
    """Milliseconds from GitHub's 201 for a comment to the stream's next card of that incident."""
    running = record.read(state)
    github = running.github
    repository = Repository(github["api"], github["repo"], github["tokens"]["operator"])
    number = _incident(repository, state)
    follower = Follower(str(running.dashboard))
    follower.start()
    stream = Stream(running.kafka or "", "bench-dashboard")
    took: list[float] = []
    for n in range(comments):
        time.sleep(1.1)  # GitHub's times have whole seconds: in each a card can change once
        repository.call("POST", f"/issues/{number}/comments", json={"body": f"comment {n} of a measurement"})
        written = time.time()
        hint = {"issue": number, "why": "diagnosed"}  # as for a fact: the one whose turn it is reads too, not all
        event = Event(str(uuid.uuid4()), "/bench", "io.sre-space.wakeup", "", datetime.now(UTC), hint)
        stream.publish(WAKEUPS, str(number), event)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            told = next((at for at, of, _ in tuple(follower.heard) if of == number and at >= written), None)
            if told is not None:
                took.append((told - written) * 1000)
                break
            time.sleep(0.005)
    stream.close(2.0)
    return {
        "comments": comments,
        "told": len(took),
        "median_ms": round(statistics.median(took), 1),
        "p95_ms": round(percentile(took, 0.95), 1),
        "max_ms": round(max(took), 1),
        "conditions": _conditions(),
    }


def _incident(repository: Repository, state: Path) -> int:
    """The number of an incident; one is caused where there is none."""

    def first() -> int | None:
        row = next(repository.pages("/issues", labels="incident", state="all"), None)
        return int(row["number"]) if row else None

    if (number := first()) is None:
        argv = [sys.executable, str(ROOT / "trigger_chaos.py"), "crash", "--service", "quote-service"]
        subprocess.run([*argv, "--state", str(state)], check=True, capture_output=True)
        while (number := first()) is None:
            time.sleep(0.2)
    return number


def load(seconds: float, pages: int) -> dict[str, Any]:
    """CPU time and memory of the application with 200 open incidents and 1,000 incident events a minute."""
    import uvicorn

    from shared.incident.status import Status
    from shared.runtime.meter import resident_bytes
    from shared.testing.log import LogBuilder
    from tests.dashboard.world import World

    world = World()
    logs = [LogBuilder(number=n + 1).to(Status.DETECTED) for n in range(200)]
    for log in logs:
        world.hub.on_incident(log.incident, log.now)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(world.app, log_config=None, ws="none"))
    threading.Thread(target=server.run, args=([listening],), daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    begun = time.perf_counter()
    size = len(requests.get(f"{base}/api/board", timeout=30).content)
    board_ms = (time.perf_counter() - begun) * 1000
    following = [
        subprocess.Popen(["curl", "-sN", f"{base}/events"], stdout=subprocess.DEVNULL)  # in processes of their own
        for _ in range(pages)
    ]
    try:
        time.sleep(2)
        incidents = [(log.incident, log.do("diagnosed").incident, log.now) for log in logs]
        cpu, began, sent = time.process_time(), time.monotonic(), 0
        while time.monotonic() - began < seconds:
            before, after, now = incidents[sent % 200]
            world.hub.on_incident(after if sent // 200 % 2 == 0 else before, now)
            sent += 1
            time.sleep(max(began + sent * 0.06 - time.monotonic(), 0))
        used, wall = time.process_time() - cpu, time.monotonic() - began
    finally:
        for one in following:
            one.terminate()
    return {
        "open_incidents": 200,
        "events_per_minute": round(sent / wall * 60),
        "pages": pages,
        "cpu_share_of_a_core": round(used / wall, 4),
        "board_ms": round(board_ms, 1),
        "board_bytes": size,
        "resident_mb": round(resident_bytes() / 1e6),
        "conditions": _conditions(),
    }


def _conditions() -> str:
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    sub = parser.add_subparsers(dest="what", required=True)
    one = sub.add_parser("latency")
    one.add_argument("--state", type=Path, required=True)
    one.add_argument("--comments", type=int, default=60)
    two = sub.add_parser("load")
    two.add_argument("--seconds", type=float, default=30)
    two.add_argument("--pages", type=int, default=5)
    asked = parser.parse_args()
    found = latency(asked.state, asked.comments) if asked.what == "latency" else load(asked.seconds, asked.pages)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
