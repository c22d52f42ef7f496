"""How replicas of one role share incidents: throughput, latency, lag, doubles, and what a killed replica costs.

    python -m bench.scale --kafka HOST:PORT [--replicas 1,2,4] [--incidents 200] [--services 500]

Real: the broker, the consumer groups, the worker loop (shared/runtime/worker.py), one process a replica. Simulated: the
step. It waits STEP_MS instead of talking to GitHub, and writes down which incident it handled when. Without --kafka the
embedded broker is started (librdkafka's mock, 4 partitions), and the table says so.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from confluent_kafka import Consumer, TopicPartition

from shared import stream
from shared.adapters.kafka import Stream
from shared.runtime.projector import Projector
from shared.runtime.scribe import Desk, Scribe
from shared.runtime.step import Again
from shared.runtime.worker import Pace, Worker

STEP_MS: Final = 50
"""About four conditional reads and a write on github.com."""
ROUNDS: Final = 5
"""Wake-ups of each incident: as many as a healed one has steps of one role, roughly."""
PARTITIONS: Final = 12


class Steps:
    """Stands in for a Stepper: waits, and writes down what it did."""

    def __init__(self, file: Path) -> None:
        self.standing: dict[int, str] = {}
        self._out = file.open("a", buffering=1, encoding="utf-8")

    def step(self, number: int) -> Again:
        begun = time.time()
        time.sleep(STEP_MS / 1000)
        self._out.write(f"{number} {begun:.6f} {time.time():.6f}\n")
        return Again(None)


def replica(kafka: str, group: str, file: Path) -> None:
    """One process of a role, until SIGTERM."""
    from shared.redaction import Redactor
    from shared.runtime.clock import SystemClock
    from shared.testing.github import MemoryRepository
    from shared.testing.log import keyring, signer
    from shared.testing.samples import FLEET
    from tests.runtime.fleet import AtOnce

    class Clock(SystemClock):
        def advance(self, seconds: float) -> None:
            """The twin asks for it; real time goes on by itself."""

    clock: Any = Clock()
    github = MemoryRepository(clock, "o/r", roles={FLEET: "admin"}).account(FLEET)
    keys = keyring(frozenset({FLEET}))
    out = Stream(kafka, f"replica-{os.getpid()}")
    desk = Desk("o/r", signer("brain"), keys, github, github, out, clock, Redactor())
    scribe = Scribe(desk, Projector(github, github, keys, AtOnce()))
    steps: Any = Steps(file)
    worker = Worker(steps, desk, scribe, Pace(timedelta(seconds=60)))
    subscription = out.subscribe(
        (stream.WAKEUPS,), group, lambda _, event: worker.on_wakeup(event), on_share=worker.resync_soon
    )
    worker.mine = lambda number: subscription.holds(str(number))
    worker.checks.append(subscription.check)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    file.with_suffix(".ready").write_text(str(subscription.wait_ready(60)), encoding="utf-8")
    worker.run()
    out.close(2)


def handled(folder: Path) -> list[tuple[int, float, float]]:
    """(incident, begun, ended), epoch s, of every whole line of every replica."""
    lines = [line.split() for file in folder.glob("*.steps") for line in file.read_text(encoding="utf-8").splitlines()]
    return [(int(n), float(begun), float(ended)) for n, begun, ended in (x for x in lines if len(x) == 3)]


def wake(out: Stream, number: int, services: int) -> float:
    at = datetime.now(UTC)
    subject = f"service-{number % services}"
    event = stream.Event(uuid.uuid4().hex, "/bench", "io.sre-space.wakeup", subject, at, {"issue": number, "why": "x"})
    out.publish(stream.WAKEUPS, str(number), replace(event))
    return at.timestamp()


class Lag:
    """What a group has not committed yet."""

    def __init__(self, kafka: str, group: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": kafka, "group.id": group, "log_level": 0})
        self._parts = [TopicPartition(stream.WAKEUPS, p) for p in
                       self._consumer.list_topics(stream.WAKEUPS, 10).topics[stream.WAKEUPS].partitions]  # fmt: skip

    def now(self) -> int:
        known = self._consumer.committed(self._parts, timeout=5)
        ends = [self._consumer.get_watermark_offsets(p, timeout=5, cached=False)[1] for p in known]
        return sum(max(end - p.offset, 0) for p, end in zip(known, ends, strict=True) if p.offset >= 0)

    def close(self) -> None:
        self._consumer.close()


def measure(kafka: str, replicas: int, incidents: int, services: int, kill: bool = False) -> dict[str, object]:
    """One run. `kill`: SIGKILL a replica in the middle of the third round."""
    group = f"bench-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [folder / f"{n}.steps" for n in range(replicas)]
        argv = [sys.executable, "-m", "bench.scale", "--kafka", kafka, "--group", group, "--steps"]
        processes = [subprocess.Popen([*argv, str(file)]) for file in files]
        out = Stream(kafka, "bench")
        lag = Lag(kafka, group)
        try:
            settle(files, out, services)
            first = len(handled(folder))
            waits, spans, lags, doubles = [], [], [], 0
            for n in range(ROUNDS):
                before = Counter(number for number, _, _ in handled(folder))
                sent = {number: wake(out, number, services) for number in range(1, incidents + 1)}
                if kill and n == 2:
                    time.sleep(0.5)
                    processes[0].kill()
                deadline = time.time() + 120
                while True:
                    lags.append(lag.now())
                    rows = handled(folder)
                    fresh = Counter(number for number, _, _ in rows) - before
                    if len([x for x in fresh if x in sent]) == incidents or time.time() > deadline:
                        break
                    if kill and n == 2 and time.time() - min(sent.values()) > 15:  # lost with it: as a resync would
                        for number in sent.keys() - fresh.keys():
                            wake(out, number, services)
                        time.sleep(1)
                    time.sleep(0.02)
                time.sleep(0.3)
                rows = [r for r in handled(folder) if r[0] in sent and r[1] >= min(sent.values())]
                doubles += sum(max(count - 1, 0) for count in Counter(r[0] for r in rows).values())
                waits += [min(r[1] for r in rows if r[0] == number) - at for number, at in sent.items()
                          if any(r[0] == number for r in rows)]  # fmt: skip
                spans.append(max(r[2] for r in rows) - min(sent.values()))
            missing = ROUNDS * incidents - len(waits)
            return {
                "replicas": replicas, "killed one": kill, "handled": len(handled(folder)) - first,
                "incidents/s": round(incidents / median(spans), 1), "wait p50 s": round(median(waits), 3),
                "wait p99 s": round(quantiles(waits, n=100)[98], 3), "most lag": max(lags), "twice": doubles,
                "never": missing, "slowest round s": round(max(spans), 2),
            }  # fmt: skip
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(20)
            lag.close()
            out.close(2)


def settle(files: list[Path], out: Stream, services: int) -> None:
    """Wait until every replica has joined and a probe of every partition is handled by somebody, all of them busy."""
    deadline = time.time() + 60
    while not all(f.with_suffix(".ready").exists() for f in files):
        assert time.time() < deadline, "the replicas do not join"
        time.sleep(0.1)
    while True:
        for number in range(10_001, 10_101):
            wake(out, number, services)
        time.sleep(3.0)
        shares = [len(f.read_text(encoding="utf-8")) for f in files if f.exists()]
        if len(shares) == len(files) and all(shares):
            time.sleep(3.0)
            return
        assert time.time() < deadline, f"the work is not shared: {shares}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka")
    parser.add_argument("--replicas", default="1,2,4")
    parser.add_argument("--incidents", type=int, default=200)
    parser.add_argument("--services", type=int, default=500)
    parser.add_argument("--group", help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.steps:
        replica(given.kafka, given.group, given.steps)
        return
    broker = None
    kafka = given.kafka
    if kafka is None:
        broker = subprocess.Popen([sys.executable, "-m", "embedded.broker"], stdout=subprocess.PIPE, text=True)
        assert broker.stdout is not None
        kafka = json.loads(broker.stdout.readline())["bootstrap"]
        print("embedded broker (librdkafka's mock), not Apache Kafka")
    else:
        from mission_control.fleet.topics import make_topics

        make_topics(kafka, PARTITIONS)
    try:
        counts = [int(n) for n in given.replicas.split(",")]
        rows = [measure(kafka, n, given.incidents, given.services) for n in counts]
        if max(counts) > 1:
            rows.append(measure(kafka, max(counts), given.incidents, given.services, kill=True))
        print(f"{given.incidents} incidents over {given.services} services, {ROUNDS} wake-ups each, "
              f"a step of {STEP_MS} ms, 4 at a time in each replica")  # fmt: skip
        for row in rows:
            print(json.dumps(row))
    finally:
        if broker is not None:
            broker.terminate()
            broker.wait(10)


if __name__ == "__main__":
    main()
