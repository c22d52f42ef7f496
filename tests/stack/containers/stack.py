"""The stack of docker-compose.yml as the tests see it: the same questions as to the embedded one, other ways to ask."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import docker
import requests
from docker.models.containers import Container

from mission_control.demo.witnesses import EngineWitness
from mission_control.world import record
from shared.incident.facts import Applied, Diagnosed
from shared.incident.signing import parse_keyring
from tests.machine import ROOT, clean_environment, free_ports, one_comes_up
from tests.scenario.stack import Stack, roomy_policy
from tests.stack.containers.parts import SOCKET, run
from tests.waiting import wait_for

PROJECT: Final = "sre-space-test"
PATIENTS: Final = ("user-service", "policy-service", "quote-service", "frontend")
PORTS: Final = (
    "FORGE_PORT",
    "KAFKA_PORT",
    "JAEGER_PORT",
    "MARKETPLACE_PORT",
    "OTLP_PORT",
    "PROMETHEUS_PORT",
    "CHROMA_PORT",
    "DASHBOARD_PORT",
)
PACE: Final = {
    "SRE_HEALTHY_FOR": "3s",
    "SRE_HERALD_EVERY": "1s",
    "SRE_RESYNC_EVERY": "5s",
    "SRE_RECURRENCE_WINDOW": "20s",
    "SRE_MERGE": "policy",
}
"""Faster than a production stack, for nobody else's limits are at stake; and a fault may be tried again soon."""
UP_WITHIN: Final = 240
RESTED: Final = 30
"""Writes in the last minute below which the next test finds a budget."""
_FILES: Final = ("docker-compose.yml", "deploy/compose.local.yml", "tests/stack/containers/compose.test.yml")


class RealStack(Stack):
    """One `docker compose up`; made by `running`. `client` is the engine seen by the test."""

    def __init__(self, compose: tuple[str, ...], folder: Path) -> None:
        base = free_ports(len(PORTS))
        self.ports = {name: base + n for n, name in enumerate(PORTS)}
        self.state = folder
        self._compose = (*compose, "-p", PROJECT, *(part for file in _FILES for part in ("-f", file)))
        self._variables = clean_environment(**PACE) | {
            "DOCKER_GID": str(SOCKET.stat().st_gid),
            "SRE_POLICY_FILE": roomy_policy(folder),
            **{name: str(port) for name, port in self.ports.items()},
            **{name: os.environ[name] for name in ("DOCKER_CONFIG",) if name in os.environ},  # where compose 2 may be
        }
        self._sessions = {}
        self.client = docker.DockerClient(base_url=f"unix://{SOCKET}", timeout=120)

    # how it comes and goes

    def start(self) -> None:
        """Bring it up and wait until all of it is healthy. Fails when the patients' names are somebody else's."""
        for name in PATIENTS:
            for container in self.client.containers.list(all=True, filters={"name": f"^/{name}$"}):
                owner = container.labels.get("com.docker.compose.project")
                assert owner == PROJECT, f"a container named {name} is there already, of {owner or 'nobody'}"
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
        self.compose("up", "-d", "--no-build")
        wait_for(lambda: not self.ailing(), UP_WITHIN, "every container is healthy", 0.5)
        self.keyring = parse_keyring(self.volume("fleet", "keys.toml"))
        self.accounts = {
            row["role"]: row["token"] for row in json.loads(self.volume("forge", "accounts.json"))["accounts"]
        }
        self.engine = EngineWitness(f"unix://{SOCKET}")
        self._silence()

    def _silence(self) -> None:
        """No alert of Prometheus becomes an incident here, as an operator does before works.

        It would be about the machine, on which other fleets run besides, and stand until its window is over: 5 min and
        more. What alerts do is asked of the embedded world (tests/stack/test_alerts.py).
        """
        words = ("--alertmanager.url=http://127.0.0.1:9093", "silence", "add", "--duration=4h", "--comment=tests")
        code, said = self.execute("alertmanager", "amtool", *words, "alertname=~.+")
        assert code == 0, said

    def end(self) -> None:
        """Nothing of it is left, volumes included."""
        if hasattr(self, "engine"):
            self.engine.close()
        self.client.close()
        if not os.environ.get("SRE_KEEP"):
            self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")

    def compose(self, *arguments: str) -> str:
        return run(*self._compose, *arguments, seconds=UP_WITHIN + 120, environment=self._variables).stdout

    def ailing(self) -> list[str]:
        """Containers that should run and do not, or are not healthy."""
        found = []
        for service, container in self.containers().items():
            state = container.attrs["State"]
            if service in ("keys", "seed"):
                well = state["Status"] == "exited" and state["ExitCode"] == 0
            else:
                well = state["Running"] and state.get("Health", {}).get("Status", "healthy") == "healthy"
            if not well:
                found.append(f"{service}: {state['Status']}")
        return found

    # what it is

    def containers(self) -> dict[str, Container]:
        """Compose service to its container, as it is now."""
        listed = self.client.containers.list(all=True, filters={"label": f"com.docker.compose.project={PROJECT}"})
        return {c.labels["com.docker.compose.service"]: c for c in listed}

    def container(self, service: str) -> Container:
        """That one; the others may be about to be made anew."""
        labels = [f"com.docker.compose.project={PROJECT}", f"com.docker.compose.service={service}"]
        found: Container = self.client.containers.list(all=True, filters={"label": labels})[0]
        return found

    @property
    def run(self) -> record.Record:
        """What run.json would say of this stack from outside."""
        site = f"http://127.0.0.1:{self.ports['FORGE_PORT']}"
        tokens = {
            "fleet": self.accounts["admin"],
            "operator": self.accounts["maintain"],
            "outsider": self.accounts["read"],
        }
        return record.Record(
            github={"url": site, "api": f"{site}/api/v3", "repo": "sre-space/marketplace", "tokens": tokens},
            kafka=f"127.0.0.1:{self.ports['KAFKA_PORT']}",
            traces={"otlp": self.otlp, "query": f"http://127.0.0.1:{self.ports['JAEGER_PORT']}"},
            docker=f"unix://{SOCKET}",
            docker_readonly=None,
            marketplace=f"http://127.0.0.1:{self.ports['MARKETPLACE_PORT']}",
            faults=None,
            processes={},
            containers={},
            supervisor=0,
            state=str(self.state),
            knowledge=f"http://127.0.0.1:{self.ports['CHROMA_PORT']}",
            dashboard=f"http://127.0.0.1:{self.ports['DASHBOARD_PORT']}",
        )

    @property
    def otlp(self) -> str:
        return f"http://127.0.0.1:{self.ports['OTLP_PORT']}"

    def volume(self, name: str, path: str) -> str:
        """A file of one of the stack's volumes, read on the host: what a container prints may come in part."""
        folder = Path(self.client.volumes.get(f"{PROJECT}_{name}").attrs["Mountpoint"])
        return (folder / path).read_text(encoding="utf-8")

    def execute(self, service: str, *argv: str) -> tuple[int, str]:
        """Exit code and output of a command in a container."""
        done = run("docker", "exec", str(self.container(service).name), *argv, check=False)
        return done.returncode, done.stdout.strip()

    def prometheus(self, question: str) -> dict[str, Any]:
        """The data of an answer of Prometheus' API."""
        url = f"http://127.0.0.1:{self.ports['PROMETHEUS_PORT']}/api/v1/{question}"
        answer: dict[str, Any] = requests.get(url, timeout=5).json()["data"]
        return answer

    def load_metrics(self) -> str:
        """Asked inside: the load generator publishes no port."""
        ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8005/metrics', timeout=5).read().decode())"
        return self.execute("load", "python", "-I", "-S", "-c", ask)[1]

    # faults and disturbances

    def _chaos(self, *arguments: str) -> dict[str, Any]:
        """The command a person runs; `--compose`, because an `up` may run here besides."""
        argv = [sys.executable, str(ROOT / "trigger_chaos.py"), *arguments, "--compose", "--json"]
        done = subprocess.run(argv, env=clean_environment(), capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def sigkill(self, service: str) -> None:
        """Kill a container's process from outside, as no `docker kill` does: the restart policy then counts."""
        pid = self.container(service).attrs["State"]["Pid"]
        if pid:
            os.kill(pid, signal.SIGKILL)

    @contextmanager
    def deployer(self) -> Iterator[None]:
        """What applies the default branch to these containers, as a person starts it beside a compose stack."""
        self.state.joinpath("deploy").mkdir(exist_ok=True)
        github = self.run.github
        variables = self._variables | {
            "GITHUB_API_URL": github["api"],
            "GITHUB_REPOSITORY": github["repo"],
            "GITHUB_PERSONAL_ACCESS_TOKEN": github["tokens"]["fleet"],
            "COMPOSE_FILE": ":".join(_FILES),
            "SRE_STATE_DIR": str(self.state),
        }
        argv = [sys.executable, "-P", "-m", "mission_control", "deploy", "--compose", "--follow"]
        with (self.state / "deployer.said").open("ab") as out:
            process = subprocess.Popen(
                argv, cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)

    @contextmanager
    def without(self, service: str, how: str = "stop") -> Iterator[None]:
        """The stack while one container is stopped or paused."""
        container = self.container(service)
        if how == "pause":
            container.pause()
        else:
            container.stop(timeout=2)
        try:
            yield
        finally:
            if how == "pause":
                container.unpause()
            else:
                container.start()
                wait_for(lambda: not self.ailing(), 120, f"{service} is back", 0.5)

    # what came of it

    def opened_for(self, service: str, known: set[int], seconds: float = 30.0) -> int:
        """Wait for the new incident of `service`."""
        return min(wait_for(lambda: self.of(service, known), seconds, f"an issue is opened for {service}"))

    def open_for(self, service: str, seconds: float) -> int:
        """Wait until an incident of `service` is open, be it new or reopened."""

        def found() -> set[int]:
            return self._about(service, {row["number"] for row in self._open()})

        return min(wait_for(found, seconds, f"an incident of {service} is open"))

    def of(self, service: str, known: set[int]) -> set[int]:
        """The incidents of `service` that are not among `known`: a crowded machine may give others theirs."""
        return self._about(service, self.numbers() - known)

    def _about(self, service: str, numbers: set[int]) -> set[int]:
        return {number for number in numbers if self.incident(number).detected.service == service}

    def every_restart_was_directed(self, known: set[int], since: float) -> None:
        """dockerd saw as many restarts of each container as there are directives carried out, and no others."""
        done: Counter[str] = Counter()
        for number in self.numbers():
            incident = self.incident(number)
            target = {d.directive.id: d.directive.target for d in incident.all(Diagnosed)}
            later = [a for a in incident.all(Applied) if number not in known or _started(a.after.started_at) >= since]
            done.update(target[applied.directive_id] for applied in later)
        assert self.restarts(since) == dict(done)

    def calm(self) -> None:
        """Take back every fault, wait until nothing is open, everything is healthy and the write budget has rested."""
        self.undo()
        wait_for(lambda: not self._restless(), 480, lambda: f"all is calm, not {self._restless()}", 1.0)

    def _restless(self) -> list[str]:
        """Asked as one: on a crowded machine one of these comes while another is waited for."""
        writes = self._writes_lately()
        titles = [row["title"] for row in self._open()]
        return [*titles, *self.ailing(), *([f"{writes} writes in the last minute"] if writes >= RESTED else [])]

    def _open(self) -> list[dict[str, Any]]:
        return list(self.repository().pages("/issues", labels="incident", state="open"))

    def _writes_lately(self) -> int:
        return sum(request.mutates for request in self.fleet_log(time.time() - 60))


def _started(text: str) -> float:
    """Docker's StartedAt (RFC 3339 with nanoseconds) as epoch seconds."""
    return datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00").timestamp()


@contextmanager
def running(compose: tuple[str, ...], folder: Path) -> Iterator[RealStack]:
    """The stack, healthy; all of it is gone afterwards (SRE_KEEP keeps it)."""
    stack = RealStack(compose, folder)
    try:
        with one_comes_up():
            stack.start()
        yield stack
    finally:
        stack.end()
