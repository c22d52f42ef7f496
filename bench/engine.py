"""How fast the embedded engine notices and acts, and what it costs: `python -m bench.engine [--runs N]`.

With `--docker-host URL --image NAME` (an image with python3) the same is measured on a real dockerd, but its cost.
Each figure is the median and the worst of the runs. The moment of a fault is written by the patient itself.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container

ROOT = Path(__file__).parents[1]
LIMIT = 64 * 1024 * 1024
STAMP = "import os,time\ndef stamp(): os.write(1, b'%d\\n' % time.time_ns())\n"
CREEP = STAMP + (
    "kept, said = [], False\n"
    "while True:\n"
    "    kept.append(b'x' * 500_000)\n"
    "    if not said and int(open('/proc/self/statm').read().split()[1]) * 4096 > LIMIT: said = not stamp()\n"
    "    time.sleep(0.001)\n"
).replace("LIMIT", str(LIMIT))
"""Creeps to its limit half a megabyte at a time and writes the time at which its own resident memory is above it.

(The kernel counts shared libraries elsewhere, so a real dockerd's limit is met a few megabytes later.)"""
CRASH = STAMP + "stamp()\nos._exit(3)\n"
UP = (
    "import signal,sys\nsignal.signal(15, lambda *_: sys.exit(0))\n" + STAMP + "stamp()\nwhile True: time.sleep(0.02)\n"
)
"""Ends on SIGTERM. (One long sleep would now and then miss it: Python looks for signals between instructions.)"""


class Bench:
    """One docker host, and what is measured on it."""

    def __init__(self, client: docker.DockerClient, image: str, python: str, runs: int) -> None:
        self._client = client
        self._image = image
        self._python = python
        self._runs = runs

    def oom(self) -> tuple[list[float], list[float]]:
        """Seconds from exceeding the limit to the `oom` event at the client, and to the `die` event."""
        ooms, deaths = [], []
        for _ in range(self._runs):
            container, seen = self._observe(CREEP, {"oom", "die"}, mem_limit=LIMIT, memswap_limit=LIMIT)
            stamps = container.logs().split()
            if stamps and "oom" in seen:
                ooms.append(seen["oom"] - int(stamps[0]) / 1e9)
                deaths.append(seen["die"] - int(stamps[0]) / 1e9)
            container.remove(force=True)
        return ooms, deaths

    def crash(self) -> list[float]:
        """Seconds from the patient's last instruction to the `die` event at the client."""
        found = []
        for _ in range(self._runs):
            container, seen = self._observe(CRASH, {"die"})
            found.append(seen["die"] - int(container.logs().split()[0]) / 1e9)
            container.remove()
        return found

    def restart(self) -> tuple[list[float], list[float]]:
        """Seconds from the call of restart to its answer, and to the new process's first instruction."""
        answered, up = [], []
        container = self._create(UP)
        container.start()
        _until(partial(_has_lines, container, 1))
        for run in range(self._runs):
            begun = time.time()
            container.restart(timeout=1)
            answered.append(time.time() - begun)
            _until(partial(_has_lines, container, run + 2))
            up.append(int(container.logs().split()[-1]) / 1e9 - begun)
        container.remove(force=True)
        return answered, up

    def inspect(self) -> list[float]:
        """Seconds an inspect takes on a kept connection."""
        container = self._create(UP)
        found = []
        for _ in range(self._runs * 10):
            begun = time.perf_counter()
            self._client.api.inspect_container(str(container.id))
            found.append(time.perf_counter() - begun)
        container.remove()
        return found

    def fleet(self, count: int) -> list[Container]:
        """Containers with a limit and a health check each second."""
        check = {"test": ["CMD", "true"], "interval": 1_000_000_000, "timeout": 1_000_000_000, "retries": 3}
        containers = [self._create(UP, mem_limit=LIMIT, healthcheck=check) for _ in range(count)]
        for container in containers:
            container.start()
        return containers

    def _create(self, code: str, **options: Any) -> Container:
        command = [self._python, "-S", "-E", "-c", code]
        name = f"bench-{uuid.uuid4().hex[:10]}"
        return self._client.containers.create(self._image, command, name=name, working_dir="/tmp", **options)

    def _observe(self, code: str, wanted: set[str], **options: Any) -> tuple[Container, dict[str, float]]:
        """Run code; when (Unix seconds) each event of it arrived, up to `die`."""
        container = self._create(code, **options)
        stream: Any = self._client.events(decode=True, filters={"container": container.id, "event": sorted(wanted)})
        container.start()
        seen: dict[str, float] = {}
        for event in stream:
            seen[event["Action"]] = time.time()
            if event["Action"] == "die":
                break
        stream.close()
        return container, seen


def _has_lines(container: Container, count: int) -> bool:
    return container.logs().count(b"\n") == count


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the patient did not get there within 20 s")
        time.sleep(0.002)


def _line(name: str, seconds: list[float]) -> str:
    if not seconds:
        return f"{name:<58} {'no run could be timed':>30}"
    milliseconds = [second * 1000 for second in seconds]
    return f"{name:<58} {statistics.median(milliseconds):>9.1f} {max(milliseconds):>9.1f} {len(seconds):>6}"


def _cost(pids: list[int], seconds: float) -> tuple[float, float, float]:
    """Resident and proportional MiB of these processes, and their CPU in percent of one core, over some seconds."""
    tick = os.sysconf("SC_CLK_TCK")

    def cpu() -> float:
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
        return sum(int(f[11]) + int(f[12]) for f in fields) / tick

    before, begun = cpu(), time.monotonic()
    time.sleep(seconds)
    percent = 100 * (cpu() - before) / (time.monotonic() - begun)
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() for pid in pids]
    sizes = {key: sum(int(line.split()[1]) for lines in rollups for line in lines if line.startswith(key)) / 1024
             for key in ("Rss:", "Pss:")}  # fmt: skip
    return sizes["Rss:"], sizes["Pss:"], percent


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield from map(int, (task / "children").read_text().split())


def measure(bench: Bench, engine: int | None) -> None:
    """Print the table; `engine` is the pid of an embedded engine, whose cost is measured too."""
    print(f"{'milliseconds':<58} {'median':>9} {'worst':>9} {'runs':>6}")
    creep_oom, creep_die = bench.oom()
    print(_line("above the memory limit to oom event at client", creep_oom))
    print(_line("above the memory limit to die event at client", creep_die))
    print(_line("process ends to die event at client", bench.crash()))
    answered, up = bench.restart()
    print(_line("restart called to answered (patient obeys SIGTERM)", answered))
    print(_line("restart called to the new process's first instruction", up))
    print(_line("inspect", bench.inspect()))
    if engine:
        containers = bench.fleet(5)
        rss, pss, cpu = _cost([engine, *_children(engine)], 10)
        print(f"\n5 limited containers with a health check each second: engine and warden {rss:.1f} MiB RSS")
        print(f"({pss:.1f} MiB PSS), {cpu:.1f} % of one core over 10 s")
        for container in containers:
            container.remove(force=True)


def main() -> None:
    """Measure and print, with the conditions."""
    parser = argparse.ArgumentParser(prog="python -m bench.engine", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--docker-host", help="measure this docker host instead of the embedded engine")
    parser.add_argument("--image", default="patient:1")
    options = parser.parse_args()
    what = options.docker_host or "embedded engine"
    print(f"{what}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}, Python "
          f"{platform.python_version()}, docker SDK {docker.__version__}")  # fmt: skip
    if options.docker_host:
        client = docker.DockerClient(base_url=options.docker_host)
        measure(Bench(client, options.image, "python3", options.runs), None)
        client.close()
        return
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    command = [sys.executable, "-m", "embedded.engine", "--socket", str(folder / "d.sock"), "--data", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT) as engine:
        assert engine.stdout is not None
        ready = json.loads(engine.stdout.readline())
        client = docker.DockerClient(base_url=f"unix://{ready['socket']}")
        try:
            measure(Bench(client, options.image, sys.executable, options.runs), engine.pid)
        finally:
            client.close()
            engine.terminate()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
