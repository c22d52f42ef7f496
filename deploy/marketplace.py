"""The marketplace of the tree in the working directory, started on loopback: for `reproduction.py` and `tests.py`.

Standard library only. The services themselves need what they import.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

SERVICES: Final = ("user-service", "policy-service", "quote-service", "frontend")
READY_WITHIN_S: Final = 40.0
TIMEOUT_S: Final = 5.0
"""Of one answer."""


class Marketplace:
    """Its services, each a process. `environment`: the configuration of each, as the tree declares it."""

    def __init__(self, environment: Mapping[str, Mapping[str, str]]) -> None:
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
                if not self.runs(name) or time.monotonic() > deadline:
                    return name
                time.sleep(0.02)
        return None

    def runs(self, name: str) -> bool:
        """Whether its process lives."""
        return self.processes[name].poll() is None

    def healthy(self, name: str) -> bool:
        try:
            return self.ask(name, "GET", "/healthz")[0] == 200
        except OSError:
            return False

    def ask(self, name: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status, and the body where it is JSON, else None. Raises OSError when nobody answers in time."""
        text = None if body is None else json.dumps(body).encode()
        status, raw, _ = self.fetch(name, method, path, text)
        try:
            return status, json.loads(raw)
        except ValueError:
            return status, None

    def fetch(
        self, name: str, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> tuple[int, bytes, str]:
        """Status, body and Location; redirects are not followed. Raises OSError when nobody answers in time."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[name], timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if body is not None else {})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers.get("Location", "")
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def resident_kib(self, name: str) -> float:
        """Resident memory of a service."""
        text = Path(f"/proc/{self.processes[name].pid}/status").read_text(encoding="utf-8")
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS:")))

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
