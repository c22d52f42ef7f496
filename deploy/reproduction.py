"""Shows whether an incident's symptom is there when this very tree runs: `python deploy/reproduction.py INCIDENT.json`.

Run by the fleet in a sandbox, once on the tree before a change and once on the tree after it, always as it stands on
the default branch, so that a change cannot soften it. Exit status: 0 the symptom is not there, 1 it is, 3 it cannot be
told. The last line of the output is JSON: the figure, the bound it was held against, and what it is.

    {"service": "policy-service", "symptom": "conversion",
     "measures": [{"name": "refused purchases", "before": 0.02, "after": 0.97}],
     "environment": {"policy-service": {"MAX_RISK_FACTOR": "1.8"}, ...}, "memory_mib": {"policy-service": 192, ...},
     "base": what the last line said of the tree before the change, for the run on the tree after it}

It starts the marketplace of the tree on loopback and sends it customers of its own. Standard library only.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

SERVICES: Final = ("user-service", "policy-service", "quote-service", "frontend")
ABSENT, SHOWN, CANNOT_TELL = 0, 1, 3
CUSTOMERS: Final = 40
STEP: Final = 20
MOST_CUSTOMERS: Final = 500
"""Customers after which a service that is still below its memory limit keeps nothing of them."""
READY_WITHIN_S: Final = 40.0


class Marketplace:
    """The services of the tree in the working directory, each a process."""

    def __init__(self, environment: dict[str, dict[str, str]]) -> None:
        self.ports = dict(zip(SERVICES, _free_ports(len(SERVICES)), strict=True))
        common = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(Path.cwd()),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOST": "127.0.0.1",
        }
        common |= {f"{n.split('-')[0].upper()}_URL": f"http://127.0.0.1:{p}" for n, p in self.ports.items()}
        self.processes = {
            name: subprocess.Popen(
                [sys.executable, "-m", f"protected_services.{name.replace('-', '_')}"],
                env={**common, **environment.get(name, {}), "SERVICE_NAME": name, "PORT": str(port)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for name, port in self.ports.items()
        }

    def not_up(self) -> str | None:
        """The first service that does not come up; None when all answer."""
        deadline = time.monotonic() + READY_WITHIN_S
        for name in SERVICES:
            while not self.healthy(name):
                if self.processes[name].poll() is not None or time.monotonic() > deadline:
                    return name
                time.sleep(0.02)
        return None

    def healthy(self, name: str) -> bool:
        try:
            return self.ask(name, "GET", "/healthz")[0] == 200
        except OSError:
            return False

    def ask(self, name: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Raises OSError when nobody answers within 5 s."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[name], timeout=5)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
            answer = connection.getresponse()
            raw = answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()
        try:
            return answer.status, json.loads(raw)
        except ValueError:
            return answer.status, None

    def resident_kib(self, name: str) -> float:
        """Resident memory of a service."""
        text = Path(f"/proc/{self.processes[name].pid}/status").read_text(encoding="utf-8")
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS:")))

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()


def main() -> int:
    """The exit status the module's text explains."""
    incident = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    market = Marketplace(incident["environment"])
    try:
        return _judge(incident, market)
    finally:
        market.stop()


def _judge(incident: dict[str, Any], market: Marketplace) -> int:
    symptom, service = incident["symptom"], incident["service"]
    missing = market.not_up()
    if missing is not None:
        if symptom in ("crash", "oom", "unresponsive") and missing == service:
            return _say(SHOWN, 1, 0, f"{missing} does not come up")
        return _say(CANNOT_TELL, None, None, f"{missing} does not come up")
    match symptom:
        case "conversion":
            seen = _customers(market, CUSTOMERS)
            return _share(incident, seen["refused"], seen["refused"] + seen["purchased"], "refused purchases")
        case "errors":
            seen = _customers(market, CUSTOMERS)
            return _share(incident, seen["failed"], sum(seen.values()), "failed requests")
        case "oom":
            return _leak(incident, market)
        case _:
            return _say(CANNOT_TELL, None, None, f"there is no reproduction of {symptom}")


def _share(incident: dict[str, Any], bad: int, count: int, what: str) -> int:
    """Held against the middle between what was usual and what was seen during the incident."""
    sizes = [m for m in incident["measures"] if m.get("before") is not None and m.get("after") is not None]
    if not sizes or count < CUSTOMERS // 2:
        return _say(CANNOT_TELL, bad, count, f"{what}: too little to go by")
    bound = (sizes[0]["before"] + sizes[0]["after"]) / 2
    return _say(SHOWN if bad / count > bound else ABSENT, round(bad / count, 4), round(bound, 4), what)


def _leak(incident: dict[str, Any], market: Marketplace) -> int:
    """How many customers it takes to its memory limit; a head is held against as many as killed the base."""
    service, limit = incident["service"], incident["memory_mib"].get(incident["service"])
    if limit is None:
        return _say(CANNOT_TELL, None, None, f"no memory limit of {service} is declared")
    what, served = f"MiB of {service}", 0
    most = int((incident.get("base") or {}).get("customers") or MOST_CUSTOMERS)
    while served < most:
        _customers(market, min(STEP, most - served), first=served)
        served += min(STEP, most - served)
        if market.processes[service].poll() is not None:
            return _say(SHOWN, 1, 0, f"{service} died", served)
        resident = market.resident_kib(service) / 1024
        if resident >= limit:
            return _say(SHOWN, round(resident), limit, f"{what} after {served} customers", served)
    return _say(ABSENT, round(resident), limit, f"{what} after {served} customers", served)


def _customers(market: Marketplace, count: int, first: int = 0) -> dict[str, int]:
    """What became of so many people who all mean to buy: the same people each time, others for another `first`."""
    chance = random.Random(7 + first)
    seen = {"purchased": 0, "refused": 0, "failed": 0}
    for _ in range(count):
        wish = {
            "name": f"{chance.choice(('Ada', 'Bo', 'Carla'))} {chance.choice(('Abara', 'Brandt', 'Castro'))}",
            "age": min(90, max(18, round(chance.gauss(43, 14)))),
            "postcode": f"{chance.choice('ABCDEFGH')}{chance.randint(10, 49)} {chance.randint(1, 9)}XY",
            "claims": chance.choices((0, 1, 2, 3), (78, 16, 5, 1))[0],
            "product": chance.choice(("home", "motor", "travel", "pet")),
            "cover": chance.choice(("basic", "plus", "total")),
        }
        try:
            status, quote = market.ask("frontend", "POST", "/api/quotes", wish)
            if status == 201:
                status, _answer = market.ask("frontend", "POST", "/api/purchases", {"quote_id": quote["quote_id"]})
        except OSError:
            status = 0
        seen[{201: "purchased", 409: "refused"}.get(status, "failed")] += 1
    return seen


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _say(status: int, figure: float | None, bound: float | None, what: str, customers: int | None = None) -> int:
    sys.stdout.write(json.dumps({"figure": figure, "bound": bound, "what": what, "customers": customers}) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
