"""How fast and how cheaply the loop heals: `python -m bench.loop [--rounds N] [--idle SECONDS]`.

Each round injects oom and crash into one of the four services of a stack as a person starts it, first with a forge that
answers at once, then with one 150 ms away. What is measured and how stands in bench/README.md. Exit 1 when a target is
missed or an incident did not end as it should.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests

from mission_control.github import GithubSaysNo
from mission_control.world.patients import SERVICES
from shared.incident.facts import Verified
from tests.scenario.stack import WORKERS, Stack, roomy_policy, running
from tests.waiting import wait_for

PROBE_EVERY: Final = 0.02
PER_STACK: Final = 3 * len(SERVICES)
"""Rounds one stack can take: the fourth firing of one fault within the hour is handed on instead of restarted."""
CALM: Final = 10.0
"""Seconds between an incident that is over and the next fault: the fleet spends at most 60 writes a minute."""
SETTLED: Final = 2.0
"""Seconds without a write after which an incident's labels and card count as written."""


@dataclass(frozen=True, slots=True)
class Run:
    """One incident; times in seconds, from the fault unless said otherwise."""

    fault: str
    service: str
    latency_ms: int
    opened: float
    acted_after_opened: float
    healthy: float
    verified: float
    closed: float
    creations: int
    mutations: int
    path_creations: int
    """Issues and comments created between the fault and the engine's first act."""
    path_mutations: int
    """All mutating requests in that time: labels, which nobody waits for, included."""
    restarts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    values: list[float]
    unit: str
    target: str = ""
    met: bool | None = None


class Probe:
    """Asks a health URL every 20 ms from a thread of its own; when it answered 200 (epoch s)."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._good: list[tuple[float, float]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def good_after(self, moment: float) -> float | None:
        """The first good answer to a question put after `moment`."""
        return next((answered for asked, answered in tuple(self._good) if asked > moment), None)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self._stop.wait(PROBE_EVERY):
                asked = time.time()
                try:
                    ok = session.get(self._url, timeout=1).status_code == 200
                except requests.RequestException:
                    ok = False
                if ok:
                    self._good.append((asked, time.time()))


def play(stack: Stack, fault: str, service: str, latency_ms: int) -> Run:
    """One incident from the fault to its last label. Raises AssertionError when it does not get there."""
    with ExitStack() as around:
        if latency_ms:
            around.enter_context(stack.misbehaving(latency_ms=latency_ms))
        probe = Probe(stack.run.containers[service])
        around.callback(probe.close)
        began = stack.inject(fault, service)
        number = stack.open_now()
        wait_for(lambda: _is_closed(stack, number), 60.0, f"issue {number} is closed")
        closed = time.time()
        incident = stack.closed(number)
        stack.indexed(number, 60.0)
        _settle(stack, began)
        acted = stack.acted(service, began)
        up = wait_for(lambda: probe.good_after(acted), 10.0, f"{service} answers")
    own = f"/issues/{number}"
    written = [
        r for r in stack.fleet_log(began) if r.mutates and (r.path.endswith(("/issues", own)) or f"{own}/" in r.path)
    ]
    opening = next(r.at for r in written if r.path.endswith("/issues") or r.method == "PATCH")
    verified = incident.last_entry(Verified)
    assert verified is not None, f"issue {number} was never verified"
    assert up is not None, f"{service} does not answer"
    return Run(
        fault=fault,
        service=service,
        latency_ms=latency_ms,
        opened=opening - began,
        acted_after_opened=acted - opening,
        healthy=up - began,
        verified=verified.at.timestamp() - began,
        closed=closed - began,
        creations=sum(request.creates for request in written),
        mutations=len(written),
        path_creations=sum(request.creates and request.at <= acted for request in written),
        path_mutations=sum(request.at <= acted for request in written),
        restarts=stack.restarts(began),
    )


def _is_closed(stack: Stack, number: int) -> bool:
    try:
        return bool(stack.issue(number)["state"] == "closed")
    except GithubSaysNo:
        return False


def _settle(stack: Stack, since: float) -> None:
    def quiet() -> bool:
        last = max((r.at for r in stack.fleet_log(since) if r.mutates), default=since)
        return time.time() - last > SETTLED

    wait_for(quiet, 30.0, "the last labels are written")


def idle_answers(stack: Stack, seconds: float) -> float:
    """Answers other than 304 to the fleet's questions, per minute, without any fault."""
    began = time.time()
    time.sleep(seconds)
    asked = [request for request in stack.fleet_log(began) if request.at <= began + seconds]
    assert asked, "the fleet asks nothing at all"
    return 60.0 / seconds * sum(request.status != 304 for request in asked)


def memory(stack: Stack) -> dict[str, tuple[float, float]]:
    """Worker to its resident and its proportional memory, MiB (smaps_rollup)."""
    sizes = {}
    for worker in WORKERS:
        lines = Path(f"/proc/{stack.pid(worker)}/smaps_rollup").read_text(encoding="ascii").splitlines()
        kb = {key: int(line.split()[1]) for line in lines for key in ("Rss:", "Pss:") if line.startswith(key)}
        sizes[worker] = kb["Rss:"] / 1024, kb["Pss:"] / 1024
    return sizes


def rows(runs: list[Run], latency_ms: int) -> list[Row]:
    """The table of the runs with one latency of the forge."""
    some = [run for run in runs if run.latency_ms == latency_ms]
    found = []
    for fault in ("oom", "crash"):
        mine = [run for run in some if run.fault == fault]
        name = f"{fault}, forge {latency_ms} ms away: "
        judged = latency_ms == 0
        found += [
            _row(f"{name}fault to issue open", (r.opened for r in mine), 2.0, judged),
            _row(f"{name}issue open to restart begun", (r.acted_after_opened for r in mine), None, False),
            _row(f"{name}fault to patient healthy", (r.healthy for r in mine), 5.0, judged),
            _row(f"{name}fault to verified", (r.verified for r in mine), None, False),
            _row(f"{name}fault to closed", (r.closed for r in mine), None, False),
        ]
    return found


def _row(what: str, values: Iterable[float], at_most: float | None, judged: bool) -> Row:
    seconds = list(values)
    if at_most is None or not judged or not seconds:
        return Row(what, seconds, "s")
    return Row(what, seconds, "s", f"p50 <= {at_most:g}", statistics.median(seconds) <= at_most)


def bounds(runs: list[Run]) -> list[Row]:
    """What must hold in every run, and the price of a slow forge."""
    most: list[tuple[str, Callable[[Run], float], int]] = [
        ("issues and comments created per incident", lambda r: r.creations, 10),
        ("mutating requests per incident", lambda r: r.mutations, 30),
        ("issues and comments created from fault to restart", lambda r: r.path_creations, 4),
    ]
    besides = [float(run.path_mutations) for run in runs]
    found = [Row("mutating requests from fault to restart, labels included", besides, "")]
    for what, of, limit in most:
        values = [float(of(run)) for run in runs]
        found.append(Row(what, values, "", f"max <= {limit}", max(values) <= limit))
    once = [float(sum(run.restarts.values())) for run in runs]
    right = all(run.restarts == {run.service: 1} for run in runs)
    found.append(Row("restarts per incident, by the engine's events", once, "", "always 1, the right one", right))
    path = {ms: [r.acted_after_opened for r in runs if r.latency_ms == ms] for ms in (0, 150)}
    if all(path.values()):
        more = statistics.median(path[150]) - statistics.median(path[0])
        found.append(Row("150 ms a call add to the path (p50 - p50)", [more], "s", "<= 1.5", more <= 1.5))
    return found


def show(table: list[Row]) -> None:
    print(f"{'':62} {'p50':>8} {'max':>8} {'n':>4}  {'target':24} met")
    for row in table:
        if row.values:
            middle, worst = statistics.median(row.values), max(row.values)
            met = "" if row.met is None else "yes" if row.met else "NO"
            print(
                f"{row.what:62} {middle:8.2f} {worst:8.2f} {len(row.values):4}  {row.target + ' ' + row.unit:24} {met}"
            )


def conditions() -> str:
    packages = ("PyGithub", "confluent-kafka", "docker")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    python = platform.python_version()
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}, Python {python}, {versions}"


def measure(rounds: int, idle: float) -> tuple[list[Run], list[str], list[Row]]:
    """The runs, what went wrong, and the rows of the idle fleet."""
    runs: list[Run] = []
    failed: list[str] = []
    extra: list[Row] = []
    for latency_ms, count in ((0, rounds), (150, max(rounds // 2, 1))):
        for first in range(0, count, PER_STACK):
            with tempfile.TemporaryDirectory() as folder, running(SRE_POLICY=roomy_policy(Path(folder))) as stack:
                time.sleep(CALM)
                for n in range(first, min(first + PER_STACK, count)):
                    for fault in ("oom", "crash"):
                        service = SERVICES[(n + (fault == "crash") * 2) % len(SERVICES)]
                        try:
                            runs.append(play(stack, fault, service, latency_ms))
                        except AssertionError as error:
                            failed.append(f"{fault} of {service}, forge {latency_ms} ms away: {error}")
                        time.sleep(CALM)
                if not extra:
                    extra = _at_rest(stack, idle)
    return runs, failed, extra


RESYNCED = 65.0
"""Seconds: a little more than a worker's resync interval."""


def _at_rest(stack: Stack, idle: float) -> list[Row]:
    sizes = memory(stack)
    print("MiB RSS (PSS): " + ", ".join(f"{name} {rss:.0f} ({pss:.0f})" for name, (rss, pss) in sizes.items()))
    rss, pss = (sum(size[i] for size in sizes.values()) for i in (0, 1))
    time.sleep(RESYNCED)  # each worker has read once more what the last incident changed
    answers = idle_answers(stack, idle)
    return [
        Row("six workers, resident memory summed", [rss], "MiB", "<= 512", rss <= 512),
        Row("six workers, shared pages counted once (PSS)", [pss], "MiB", "<= 512", pss <= 512),
        Row("idle fleet: answers other than 304 a minute", [answers], "", "0", answers == 0),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.loop", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=10, help="of oom and crash, half as many with the forge 150 ms away (default 10)"
    )
    parser.add_argument("--idle", type=float, default=60.0, help="seconds of the idle window (default 60)")
    options = parser.parse_args()
    print(conditions(), flush=True)
    runs, failed, extra = measure(options.rounds, options.idle)
    if not runs:
        print("no incident ended", *failed, sep="\n")
        return 1
    table = [*rows(runs, 0), *rows(runs, 150), *bounds(runs), *extra]
    show(table)
    print(f"load at the end {os.getloadavg()[0]:.1f}")
    for line in failed:
        print(f"FAILED: {line}")
    return 1 if failed or any(row.met is False for row in table) else 0


if __name__ == "__main__":
    sys.exit(main())
