"""The whole of SRE-Space as a person starts it, on loopback, and what a test asks of it from outside.

Nothing here asks the fleet how it did: GitHub's own record, the engine's events and the patients' health say so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urljoin

import psutil
import requests
import yaml
from confluent_kafka import Consumer

from mission_control.demo.witnesses import EngineEvent, EngineWitness
from mission_control.github import GithubSaysNo, Repository
from mission_control.world import record
from mission_control.world.ports import USUAL
from shared.incident.labels import DASHBOARD, FREEZE
from shared.incident.replay import Incident, replay
from shared.incident.signing import parse_keyring
from shared.stream import HEARTBEATS
from tests.machine import ROOT, clean_environment, free_ports, kill_marked, marked, one_comes_up, port_is_free
from tests.waiting import wait_for

WORKERS: Final = ("scout", "brain", "guardrail", "fixer", "memory", "escalation")
UP_WITHIN: Final = 60.0
PATIENCE: Final = 60.0
"""Seconds for an answer to a test: where everything starts at once, the forge's git was seen to take twelve. How fast
the fleet is, is asked of what it wrote."""
ACTS: Final = ("kill", "start", "restart")
"""Events that an action of somebody causes, and no fault."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One row of the forge's request log; `at` is epoch seconds."""

    seq: int
    at: float
    method: str
    path: str
    status: int
    login: str | None
    agent: str

    @property
    def mutates(self) -> bool:
        return self.method not in ("GET", "HEAD") and "/git-" not in self.path

    @property
    def creates(self) -> bool:
        """Whether it makes an issue or a comment."""
        made = self.path.endswith(("/issues", "/comments"))
        return self.method == "POST" and made and self.status in (201, 502)


class Stack:
    """One `up --plain` in a process of its own; made by `running`."""

    def __init__(self, state: Path, variables: dict[str, str]) -> None:
        self.state = state
        self.base = free_ports(len(USUAL))
        self._said = state / "up.said"
        options = ("--plain", "--state", str(state), "--port-base", str(self.base))
        with self._said.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mission_control", "up", *options],
                env=clean_environment(**variables),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self._closing = ExitStack()
        self._sessions: dict[str, Repository] = {}

    # what it is

    @property
    def said(self) -> str:
        """What `up` printed."""
        return self._said.read_text(errors="replace")

    @property
    def run(self) -> record.Record:
        """run.json as it stands now."""
        return record.read(self.state)

    def pid(self, name: str) -> int | None:
        """The present pid of a process of the stack."""
        return self.run.processes.get(name)

    def start(self) -> None:
        """Wait until everything is up and each worker has said that it lives."""
        wait_for(lambda: " up after " in self.said or self.process.poll() is not None, UP_WITHIN, "up")
        assert self.process.poll() is None, self.said
        self.keyring = parse_keyring((self.state / "keys.toml").read_text(encoding="utf-8"))
        self.engine = EngineWitness(self.run.docker_readonly or "")
        self._closing.callback(self.engine.close)
        self._await_workers()
        wait_for(self._index_is_made, 90.0, "what the repository says is indexed")
        wait_for(self._page_is_there, 30.0, "the dashboard answers")

    def stop(self) -> None:
        """SIGTERM, then nothing of it may be left."""
        self._closing.close()
        ports = [int(url.split(":")[2].split("/")[0]) for url in self.run.containers.values()]
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.said
        assert [p.pid for p in marked(self.state)] == []
        assert all(port_is_free(port) for port in ports)
        assert not (self.state / "run.json").exists()

    def end(self) -> None:
        """Whatever happened before: leave no process behind."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        kill_marked(self.state)

    def _await_workers(self) -> None:
        consumer = Consumer(
            {"bootstrap.servers": self.run.kafka, "group.id": f"witness-{os.getpid()}", "auto.offset.reset": "earliest"}
        )
        missing = set(WORKERS)
        try:
            consumer.subscribe([HEARTBEATS])
            deadline = time.monotonic() + 30
            while missing:
                assert time.monotonic() < deadline, f"no heartbeat of {missing}"
                message = consumer.poll(0.5)
                if message is not None and message.error() is None:
                    missing.discard((message.key() or b"").decode())
        finally:
            consumer.close()

    def await_board(self) -> None:
        """Until there is one, and it has told of everybody."""
        wait_for(lambda: "not heard yet" not in (self.board() or {"body": "not heard yet"})["body"], 90, "the board")

    def board(self) -> dict[str, Any] | None:
        """The issue that shows the fleet; there is one."""
        rows = list(self.repository().pages("/issues", labels=DASHBOARD, state="all"))
        assert len(rows) <= 1
        return rows[0] if rows else None

    def sold(self) -> int:
        """How many customers have bought since the start, by the load's own count."""
        told = self.load_metrics()
        counted = re.search(r'load_journeys_total\{end="purchased"\} (\d+)', told)
        return int(counted[1]) if counted else 0

    def load_metrics(self) -> str:
        """What the load generator's /metrics says."""
        return requests.get(urljoin(self.run.containers["load"], "/metrics"), timeout=PATIENCE).text

    # faults and disturbances

    def inject(self, fault: str, service: str, *more: str) -> float:
        """Inject a fault as a person does; returns the epoch seconds at which it was written."""
        return float(self._chaos(fault, "--service", service, *more)["since"])

    def committed(self, fault: str, *more: str) -> dict[str, Any]:
        """Commit a fault as a developer does; `commit`, `since` (epoch s) and with --herring `herring`."""
        return self._chaos(fault, *more)

    def undo(self, *fault: str) -> None:
        """Take back this fault, or all of them."""
        self._chaos(*fault, "--undo")

    def _chaos(self, *arguments: str) -> dict[str, Any]:
        argv = [sys.executable, str(ROOT / "trigger_chaos.py"), *arguments, "--state", str(self.state), "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def kill(self, name: str) -> int:
        """SIGKILL one process of the stack and wait until it is replaced; returns the new pid."""
        old = self.pid(name)
        assert old is not None, f"{name} does not run"
        os.kill(old, signal.SIGKILL)
        return wait_for(lambda: new if (new := self.pid(name)) != old else None, 15, f"{name} comes back")

    @contextmanager
    def stand_in(self, worker: str, point: str) -> Iterator[Path]:
        """Let a process that will kill itself at `point` do the work of `worker`; the file it leaves is yielded.

        The real worker is stopped meanwhile. Afterwards it is killed, and its successor takes the work up.
        """
        original = wait_for(lambda: self.pid(worker), 15, f"{worker} runs")
        marker = self.state / f"died-{worker}-{point}-{time.monotonic_ns()}"
        os.kill(original, signal.SIGSTOP)
        with self.extra(worker, SRE_CRASH_AT=f"{point}:{marker}") as stand_in:
            try:
                yield marker
                assert marker.exists(), f"{worker} never came to {point}"
                assert stand_in.wait(5) == -signal.SIGKILL
            finally:
                os.kill(original, signal.SIGKILL)

    def died(self, marker: Path) -> None:
        """Wait until the stand-in has come to its point and is dead."""
        wait_for(marker.exists, 40, f"{marker.name}")

    @contextmanager
    def instead(self, worker: str, **variables: str) -> Iterator[None]:
        """Let a process with these variables besides do the work of `worker`, which is stopped meanwhile."""
        with self.extra(worker, **variables), self.held(worker):
            yield

    @contextmanager
    def held(self, worker: str) -> Iterator[None]:
        """While that worker stands still: what it would do waits until the end."""
        pid = wait_for(lambda: self.pid(worker), 15, f"{worker} runs")
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def extra(self, worker: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
        """One more process of `worker`, in the very environment of the one that runs."""
        original = wait_for(lambda: self.pid(worker), 15, f"{worker} runs")
        environment = psutil.Process(original).environ() | {"SRE_HEALTH_PORT": "0"} | variables
        log = self.state / "logs" / f"{worker}-extra.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mission_control", "run", worker],
                env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(20)

    @contextmanager
    def misbehaving(self, **switch: Any) -> Iterator[None]:
        """A forge that misbehaves (see embedded/README.md) for a while."""
        self._forge("PUT", "/misbehave", json=switch)
        try:
            yield
        finally:
            self._forge("DELETE", "/misbehave")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """A person's freeze for a while."""
        repository = self.repository()
        body = {"title": "Storm", "body": "Hands off.", "labels": [FREEZE]}
        number = repository.call("POST", "/issues", json=body).json()["number"]
        try:
            yield
        finally:
            repository.call("PATCH", f"/issues/{number}", json={"state": "closed"})

    def rested(self, writes: int = 60) -> None:
        """Wait until the fleet has written less than this within the last minute: a storm is paced, not lost."""

        def quiet() -> bool:
            files = (self.state / "budget").glob("write-budget-*.json")
            stamps: list[float] = [at for file in files for at in json.loads(file.read_text())["mutations"]]
            return sum(at > time.time() - 60 for at in stamps) < writes

        wait_for(quiet, 70, "the fleet has rested")

    # what came of it

    def repository(self, who: str = "operator") -> Repository:
        """The control repository as fleet, operator or outsider."""
        if who not in self._sessions:
            github = self.run.github
            self._sessions[who] = Repository(github["api"], github["repo"], github["tokens"][who], timeout=PATIENCE)
        return self._sessions[who]

    def numbers(self) -> set[int]:
        """Every issue labelled `incident`, open or closed."""
        return {row["number"] for row in self.repository().pages("/issues", labels="incident", state="all")}

    def issue(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.repository().call("GET", f"/issues/{number}").json()
        return found

    def labels(self, number: int) -> set[str]:
        return {label["name"] for label in self.issue(number)["labels"]}

    def comments(self, number: int) -> list[dict[str, Any]]:
        return list(self.repository().pages(f"/issues/{number}/comments"))

    def incident(self, number: int) -> Incident:
        """The issue replayed from its comments and the public keys."""
        return replay(self.repository().thread(number), self.keyring)

    def comment(self, number: int, body: str, who: str = "operator") -> dict[str, Any]:
        said: dict[str, Any] = (
            self.repository(who).call("POST", f"/issues/{number}/comments", json={"body": body}).json()
        )
        return said

    def answered(self, number: int, comment_id: int, seconds: float) -> None:
        """Wait until the fleet has answered this comment of a person."""
        mark = f"<!-- sre-space:answer {comment_id} -->"
        wait_for(lambda: any(mark in c["body"] for c in self.comments(number)), seconds, f"{comment_id} is answered")

    def events(self, service: str, action: str, since: float) -> list[EngineEvent]:
        """What the engine says happened to `service` since then."""
        return [e for e in tuple(self.engine.events) if (e.name, e.action) == (service, action) and e.at >= since]

    def acted(self, service: str, since: float) -> float:
        """When the engine began to act on `service` (epoch s): its first signal or start since then."""
        return next(e.at for e in tuple(self.engine.events) if e.at >= since and e.name == service and e.action in ACTS)

    def restarts(self, since: float) -> dict[str, int]:
        """Container name to how often it was restarted since then (epoch s), by the engine's own events."""
        assert self.engine.trouble is None, self.engine.trouble
        return dict(Counter(e.name for e in tuple(self.engine.events) if e.action == "restart" and e.at >= since))

    def starts(self, since: float) -> dict[str, int]:
        """The same for starts, of which a restart causes one."""
        return dict(Counter(e.name for e in tuple(self.engine.events) if e.action == "start" and e.at >= since))

    def log(self, since: float) -> list[Request]:
        """What the forge was asked since then (epoch s)."""
        rows = self._forge("GET", "/log?since=0&limit=100000").json()
        asked = (
            Request(
                row["seq"],
                datetime.fromisoformat(row["at"]).timestamp(),
                row["method"],
                row["path"],
                row["status"],
                row["login"],
                row["user_agent"] or "",
            )
            for row in rows
        )
        return [request for request in asked if request.at >= since]

    def fleet_log(self, since: float) -> list[Request]:
        """The requests of the workers and the herald among them."""
        return [request for request in self.log(since) if request.agent.startswith("sre-")]

    def opened(self, known: set[int], seconds: float = 30.0) -> int:
        """Wait for the one new incident."""
        return min(wait_for(lambda: self._asked(lambda: self.numbers() - known), seconds, "an issue is opened"))

    def open_now(self, seconds: float = 30.0) -> int:
        """Wait until an incident is open, be it new or reopened."""

        def numbers() -> list[int]:
            return [row["number"] for row in self.repository().pages("/issues", labels="incident", state="open")]

        return min(wait_for(lambda: self._asked(numbers), seconds, "an incident is open"))

    def closed(self, number: int, seconds: float = 40.0) -> Incident:
        """Wait until the issue is closed, and its log says so."""
        return self.status(number, "Status: Closed", seconds, closed=True)

    def indexed(self, number: int, seconds: float = 80.0) -> None:
        """Wait until the labels of a closed incident have followed its log. They go last: after some incidents within
        a minute they wait until a write is free, which may take that minute."""
        wait_for(lambda: "Learning: Indexed" in self.labels(number), seconds, f"issue {number} is indexed")

    def status(self, number: int, status: str, seconds: float = 20.0, *, closed: bool = False) -> Incident:
        """Wait until the log of the issue says `status` and the issue is open or closed as asked."""

        def reached() -> Incident | None:
            found = self.incident(number)
            return found if (found.status.value, found.closed) == (status, closed) else None

        return wait_for(lambda: self._asked(reached), seconds, f"issue {number} is {status}")

    def verify(self, number: int) -> int:
        """The exit code of `mission-control verify N`."""
        argv = [sys.executable, "-P", "-m", "mission_control", "verify", str(number), "--state", str(self.state)]
        return subprocess.run(
            argv, env=clean_environment(), capture_output=True, check=False, timeout=PATIENCE
        ).returncode

    def memory(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`mission-control memory …` to its end."""
        argv = [sys.executable, "-P", "-m", "mission_control", "memory", *words, "--state", str(self.state)]
        return subprocess.run(
            argv, env=clean_environment(), capture_output=True, check=False, timeout=PATIENCE, text=True
        )

    def _index_is_made(self) -> bool:
        said = requests.get(self.run.workers["memory"], timeout=5).json().get("knowledge")
        return said is None or not said["trouble"]

    def _page_is_there(self) -> bool:
        try:
            return requests.get(self.run.workers["dashboard"], timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def _forge(self, method: str, path: str, **arguments: Any) -> requests.Response:
        github = self.run.github
        headers = {"X-Forge-Admin": github["tokens"]["fleet"]}
        answer = requests.request(
            method, f"{github['url']}/_forge{path}", headers=headers, timeout=PATIENCE, **arguments
        )
        answer.raise_for_status()
        return answer

    def _asked(self, ask: Callable[[], T]) -> T | None:
        """The answer, None while the forge is made to fail."""
        try:
            return ask()
        except GithubSaysNo:
            return None


@contextmanager
def running(**variables: str) -> Iterator[Stack]:
    """A stack with these environment variables, in a folder with a short path; all of it is gone afterwards."""
    state = Path(tempfile.mkdtemp(prefix="sc-", dir="/tmp")).resolve()
    stack = Stack(state, {"SRE_DASHBOARD_ISSUE": "false"} | variables)  # tests count what the fleet writes
    try:
        with one_comes_up():
            stack.start()
        yield stack
        stack.stop()
    finally:
        stack.end()
        if not os.environ.get("SRE_KEEP"):
            shutil.rmtree(state, ignore_errors=True)


def roomy_policy(folder: Path) -> str:
    """A copy of the policy that allows as many actions as a long test needs and no more; returns its path.

    Without set-memory every OOM is a restart: else the second of a service would be a pull request.
    """
    policy = yaml.safe_load((ROOT / "deploy" / "policy.yaml").read_text(encoding="utf-8"))
    policy["limits"] |= {"actions_per_service": 1000, "actions_in_all": 1000, "cool_down": "0s"}
    for service in policy["services"].values():
        service["verbs"] = [verb for verb in service["verbs"] if verb != "set-memory"]
    file = folder / "policy.yaml"
    file.write_text(yaml.safe_dump(policy), encoding="utf-8")
    return str(file)
