"""How fast real containers are healed: `python -m bench.real [--rounds N]`, as root, with what tests/stack needs.

Three ways beside each other, on the same image, the same faults, the same machine: Docker's own `restart: always`; a
restarter that asks the engine every 5 s which containers have ended or are unhealthy; the fleet, whose stack runs as
`docker compose up` starts it. Then event-to-wake on Apache Kafka, and the memory of each container. A way that does not
heal within GIVEN_UP is told so. Exit 1 when an incident of the fleet did not end with one restart.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import docker
import requests

from mission_control.fleet.roster import AGENTS
from shared.adapters.kafka import Stream
from shared.incident.facts import Detected, Verified
from shared.stream import WAKEUPS, Event
from tests.machine import ROOT, free_ports
from tests.stack.containers import parts
from tests.stack.containers.stack import RealStack, running

FAULTS: Final = ("oom", "crash", "hang")
GIVEN_UP: Final = 60.0
POLL_EVERY: Final = 5.0
PROBE_EVERY: Final = 0.02
MESSAGES: Final = 300
SECOND: Final = 1_000_000_000
CATALOGUE: Final = json.loads((ROOT / "protected_services" / "faults.json").read_text(encoding="utf-8"))


class Lone:
    """One patient without the fleet: a user-service on a port of its own, with a folder of faults."""

    def __init__(self, client: docker.DockerClient, folder: Path, *, always: bool) -> None:
        self.port = free_ports(1)
        self.folder = folder
        folder.chmod(0o755)
        options: dict[str, Any] = {
            "name": f"bench-{secrets.token_hex(4)}",
            "environment": {"HOST": "0.0.0.0", "PORT": "8004", "FAULTS_FILE": "/faults/faults.json"},
            "volumes": {str(folder): {"bind": "/faults", "mode": "ro"}},
            "ports": {"8004/tcp": ("127.0.0.1", self.port)},
            "mem_limit": "192m",
            "memswap_limit": "192m",
            "read_only": True,
            "restart_policy": {"Name": "always" if always else "no"},
            "healthcheck": {
                "test": ["CMD", "python", "-I", "-S", "/app/protected_services/common/healthcheck.py", "8004"],
                "interval": 5 * SECOND,
                "timeout": 4 * SECOND,
                "retries": 3,
            },
        }
        argv = ["python", "-P", "-m", "protected_services.user_service"]
        self.container = client.containers.run(parts.FLEET_IMAGE, argv, detach=True, **options)

    def healthy(self) -> bool:
        return answers(f"http://127.0.0.1:{self.port}/healthz")

    def inject(self, fault: str) -> float:
        """As trigger_chaos.py writes it; returns the time (epoch s)."""
        since, kind = time.time(), CATALOGUE[fault]
        entry = {"id": secrets.token_hex(3), "service": "user-service", "fault": fault, "since": since, "until": None}
        entry |= {"grade": kind["default_grade"], "sticky": False}
        fresh = self.folder / ".new"
        fresh.write_text(json.dumps({"faults": [entry]}))
        fresh.chmod(0o644)
        fresh.replace(self.folder / "faults.json")
        return since

    def heal_time(self, fault: str) -> float | None:
        """Seconds from the fault to the first good answer after a bad one; None when there was none."""
        await_true(self.healthy, 30)
        since = self.inject(fault)
        await_true(lambda: not self.healthy(), 20)
        healed = await_true(self.healthy, GIVEN_UP - (time.time() - since))
        return None if healed is None else healed - since


def answers(url: str) -> bool:
    """Whether it answers 200 within half a second."""
    try:
        return requests.get(url, timeout=0.5).ok
    except requests.RequestException:
        return False


def await_true(ask: Callable[[], bool], seconds: float) -> float | None:
    """When it became true (epoch s), None when it did not in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ask():
            return time.time()
        time.sleep(PROBE_EVERY)
    return None


@contextmanager
def lone(client: docker.DockerClient, *, always: bool) -> Iterator[Lone]:
    with tempfile.TemporaryDirectory(prefix="bench-real-") as folder:
        one = Lone(client, Path(folder), always=always)
        try:
            yield one
        finally:
            one.container.remove(force=True)


@contextmanager
def polling(client: docker.DockerClient, name: str) -> Iterator[None]:
    """A restarter that looks every POLL_EVERY s and restarts what has ended or is unhealthy."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(POLL_EVERY):
            container = client.containers.get(name)
            state = container.attrs["State"]
            if not state["Running"] or state.get("Health", {}).get("Status") == "unhealthy":
                container.restart(timeout=1)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def alone(fault: str, rounds: int, *, polled: bool) -> list[float | None]:
    """Heal times of one patient that is polled, or else restarted by Docker itself."""
    client = docker.from_env()
    found = []
    for _ in range(rounds):  # a container each, so that no back-off is carried over
        with lone(client, always=not polled) as one:
            if polled:
                with polling(client, str(one.container.name)):
                    found.append(one.heal_time(fault))
            else:
                found.append(one.heal_time(fault))
    client.close()
    return found


def with_fleet(stack: RealStack, fault: str, rounds: int) -> list[dict[str, float]]:
    """Per incident of user-service: seconds from the fault to `detected` (as signed), to health and to `verified`."""
    found = []
    for _ in range(rounds):
        stack.calm()
        address = stack.container("user-service").attrs["NetworkSettings"]["Networks"]
        url = f"http://{next(iter(address.values()))['IPAddress']}:8004/healthz"
        since = stack.inject(fault, "user-service")
        await_true(lambda u=url: not answers(u), 20)  # type: ignore[misc]
        healthy = await_true(lambda u=url: answers(u), GIVEN_UP)  # type: ignore[misc]
        number = stack.open_now(60)  # one that comes back soon is reopened
        incident = stack.closed(number, 120)
        told, verified = (
            [e for e in incident.entries if isinstance(e.fact, kind)][-1] for kind in (Detected, Verified)
        )
        if stack.restarts(since).get("user-service") != 1 or healthy is None:
            sys.exit(f"{fault}: restarts {stack.restarts(since)}, healthy {healthy}")
        moments = {"issue": told.at.timestamp(), "healthy": healthy, "verified": verified.at.timestamp()}
        found.append({what: moment - since for what, moment in moments.items()})
    return found


def wake_latency(brokers: str) -> list[float]:
    """Milliseconds from publish to the handler, one event at a time, between two clients of the fleet's adapter."""
    sender, receiver = Stream(brokers, "bench-sender"), Stream(brokers, "bench-receiver")
    arrived: dict[str, float] = {}
    told = threading.Condition()

    def on_event(_: str, event: Event) -> None:
        with told:
            arrived[event.id] = time.perf_counter()
            told.notify_all()

    receiver.subscribe((WAKEUPS,), None, on_event)
    times: list[float] = []
    for n in range(MESSAGES + 20):
        event = Event(f"{n}-{os.getpid()}", "/bench", "sre.bench.wake", "bench", datetime.now(UTC))
        began = time.perf_counter()
        sender.publish(WAKEUPS, f"bench-{n % 8}", event)
        with told:
            told.wait_for(lambda e=event: e.id in arrived, 10)  # type: ignore[misc]
        if n >= 20 and event.id in arrived:
            times.append(1000 * (arrived[event.id] - began))
    sender.close(2.0)
    receiver.close(2.0)
    return times


def memory(stack: RealStack) -> dict[str, float]:
    """MiB each container holds: usage without the page cache that the kernel would give back."""
    found = {}
    for service, container in sorted(stack.containers().items()):
        if container.status == "running":
            stats = container.stats(stream=False)
            assert isinstance(stats, dict)
            held = stats["memory_stats"]
            cache = held["stats"].get("total_inactive_file", held["stats"].get("inactive_file", 0))
            found[service] = (held["usage"] - cache) / 2**20
    return found


def shown(values: list[float | None]) -> str:
    good = [value for value in values if value is not None]
    never = f"; {len(values) - len(good)} of {len(values)} not within {GIVEN_UP:g} s" if len(good) < len(values) else ""
    if not good:
        return f"not within {GIVEN_UP:g} s ({len(values)} of {len(values)})"
    return f"{statistics.median(good):.1f} (most {max(good):.1f}){never}"


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="incidents per fault and way (default %(default)s)")
    parser.add_argument("--fleet-only", action="store_true", help="leave the two other ways out")
    options = parser.parse_args()
    rounds: int = options.rounds
    with tempfile.TemporaryDirectory(prefix="bench-real-") as folder, parts.dockerd(Path(folder)):
        compose = parts.compose()
        parts.images()
        print(
            f"{platform.platform()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; {rounds} rounds; seconds\n"
        )
        for fault in () if options.fleet_only else FAULTS:
            print(f"{fault}: fault to healthy, `restart: always`   {shown(alone(fault, rounds, polled=False))}")
            print(
                f"{fault}: fault to healthy, 5 s restarter       {shown(alone(fault, rounds, polled=True))}", flush=True
            )
        with running(compose, Path(folder)) as stack:
            for fault in FAULTS:
                runs = with_fleet(stack, fault, rounds)
                for what in ("issue", "healthy", "verified"):
                    print(f"{fault}: fault to {what}, the fleet  {shown([run[what] for run in runs])}", flush=True)
            waits = sorted(wake_latency(stack.run.kafka or ""))
            p99 = waits[int(0.99 * (len(waits) - 1))]
            print(f"\nevent to wake on Kafka, ms: p50 {statistics.median(waits):.1f}, p99 {p99:.1f}, n {len(waits)}\n")
            held = memory(stack)
            for service, mib in held.items():
                print(f"{service:<16} {mib:6.0f} MiB")
            print(f"{'all':<16} {sum(held.values()):6.0f} MiB; the fleet {sum(held[a] for a in AGENTS):.0f} MiB")
        print(f"load at the end {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
