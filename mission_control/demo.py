"""`demo`: a fault, and what the fleet makes of it, seen by witnesses that do not ask the fleet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from mission_control import record
from mission_control.child import LEASH
from mission_control.github import GithubSaysNo, Repository
from mission_control.processes import STOP_WITHIN
from mission_control.settings import REPOSITORY_ROOT, Settings
from mission_control.watch import memory, own_memory
from mission_control.witnesses import EngineWitness, GithubWitness, Watcher, health_of, quote_at
from shared.incident.facts import Detected, Verified
from shared.incident.signing import parse_keyring

SLOW: Final = 0.3
"""Seconds: a quote that takes longer is not a healthy answer (usual: a few hundredths)."""
UP_WITHIN: Final = 60.0
HEALED_WITHIN: Final = 45.0
SETTLED_WITHIN: Final = 10.0
QUIET: Final = 15.0
"""Seconds without a fault before the first and after the last one; the first also is the detectors' baseline."""
SERVERS: Final = frozenset(("broker", "forge", "traces", "engine", "deployer"))


@dataclass(frozen=True, slots=True)
class Act:
    """One fault of the demonstration."""

    fault: str
    service: str


ACTS: Final = (Act("oom", "policy-service"), Act("crash", "quote-service"), Act("latency", "user-service"))


@dataclass(slots=True)
class Result:
    """What the witnesses saw. Times are seconds after the fault; None was not seen."""

    fault: str
    service: str
    issue: int | None = None
    detected: float | None = None
    acted: float | None = None
    healthy: float | None = None
    verified: float | None = None
    closed: float | None = None
    restarts: dict[str, int] = field(default_factory=dict)
    writes: int | None = None
    comments: int | None = None
    wrong: list[str] = field(default_factory=list)


class DemoFailed(Exception):
    """The demonstration could not be held."""


def demo(settings: Settings, own_state: bool, json_file: Path | None) -> int:
    """0 when every fault was healed as it should be and nothing was touched without one, else 1.

    `own_state`: the user chose the folder. Otherwise a fresh one is used, because the third fault of a kind within the
    hour is escalated instead of restarted, and that is another demonstration.
    """
    state = settings.state_dir.resolve()
    if not own_state:
        state = state / "demo"
        if record.owner(state) is None:
            shutil.rmtree(state, ignore_errors=True)
    began = time.monotonic()
    say = _Narrator(began)
    with ExitStack() as stack:
        try:
            stack.enter_context(_world(state, say))
            stage = _Stage(record.read(state), say, stack)
            results = stage.perform()
        except (DemoFailed, record.NotRunning, GithubSaysNo) as error:
            say(f"the demonstration cannot go on: {error}")
            return 1
        fleet = _fleet_memory(state)
    took = time.monotonic() - began
    _report(results, fleet, took)
    if json_file is not None:
        document = {"results": [asdict(one) for one in results], "fleet_mb": fleet, "took_s": round(took, 1)}
        json_file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0 if not any(one.wrong for one in results) else 1


class _Narrator:
    """Prints one line a step, with the seconds since the beginning."""

    def __init__(self, began: float) -> None:
        self._began = began

    def __call__(self, line: str) -> None:
        sys.stdout.write(f"{time.monotonic() - self._began:6.1f} s  {line}\n")
        sys.stdout.flush()


@contextmanager
def _world(state: Path, say: _Narrator) -> Iterator[None]:
    """The world that runs on `state`, else one of our own that ends with the demonstration. Raises DemoFailed."""
    if record.owner(state) is not None:
        say(f"the world on {state} is already up")
        yield
        return
    say("starting the marketplace, the fleet and their world")
    state.mkdir(parents=True, exist_ok=True)
    said = state / "up.said"
    with said.open("wb") as out:
        up = (sys.executable, "-P", "-m", "mission_control", "up", "--plain", "--state", str(state))
        process = subprocess.Popen(
            [sys.executable, "-S", str(LEASH), str(os.getpid()), *up],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(lambda: b" up after " in said.read_bytes() or process.poll() is not None, UP_WITHIN)
        if process.poll() is not None or b" up after " not in said.read_bytes():
            raise DemoFailed(f"up said:\n{said.read_text(errors='replace')}")
        yield
    finally:
        say("stopping all of it")
        process.terminate()
        try:
            process.wait(STOP_WITHIN * 3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Stage:
    """The witnesses, and the acts one after another."""

    def __init__(self, running: record.Record, say: _Narrator, stack: ExitStack) -> None:
        if running.marketplace is None or running.docker_readonly is None or running.faults is None:
            raise DemoFailed("there is no marketplace to break: its containers are not deployed by this up")
        self._running = running
        self._say = say
        github = running.github
        keyring = parse_keyring((Path(running.state) / "keys.toml").read_text(encoding="utf-8"))
        token = github["tokens"]["operator"] or github["tokens"]["fleet"]
        admin = github["tokens"]["fleet"] if github["tokens"]["operator"] else None
        repository = Repository(github["api"], github["repo"], token)
        self._github = GithubWitness(repository, keyring, github["url"], admin)
        self._engine = EngineWitness(running.docker_readonly)
        stack.callback(self._engine.close)
        self._health = {
            name: Watcher(name, health_of(url)) for name, url in running.containers.items() if name != "load"
        }
        self._customer = Watcher("customer", quote_at(running.marketplace))
        for watcher in (*self._health.values(), self._customer):
            stack.callback(watcher.close)

    def perform(self) -> list[Result]:
        """All acts between two quiet times. Raises GithubSaysNo or DemoFailed."""
        running = self._running
        self._say(f"incidents    {running.github['url']}/{running.github['repo']}/issues")
        self._say(f"marketplace  {running.marketplace}")
        self._say(f"traces       {running.traces['query']}")
        results = [self._quiet("before")]
        results += [self._play(act) for act in ACTS]
        results.append(self._quiet("after"))
        if self._engine.trouble:
            results[-1].wrong.append(self._engine.trouble)
        return results

    def _quiet(self, when: str) -> Result:
        """Nothing is broken, so nothing may be touched."""
        self._say(f"quiet: {QUIET:.0f} s without a fault")
        result = Result("none", when)
        began, known, seq = time.time(), self._github.numbers(), self._last_request()
        time.sleep(QUIET)  # the control period itself: the time is what is measured
        new = self._github.numbers() - known
        result.restarts = self._engine.restarts(began)
        result.writes = self._writes_since(seq)
        result.wrong += [f"issue {number} was opened without a fault" for number in sorted(new)]
        result.wrong += [f"{name} was restarted without a fault" for name in result.restarts]
        self._tell(result)
        return result

    def _play(self, act: Act) -> Result:
        result = Result(act.fault, act.service)
        known, seq = self._github.numbers(), self._last_request()
        self._say(f"fault: {act.fault} in {act.service}")
        began = time.time()
        self._chaos(act)
        _wait(lambda: self._look(result, act, began, known), HEALED_WITHIN)
        self._settle()
        result.restarts = self._engine.restarts(began)
        result.writes = self._writes_since(seq)
        result.wrong += self._judge(result, act, known)
        if result.healthy is None or result.wrong:
            self._chaos(act, "--undo")
        self._tell(result)
        return result

    def _look(self, result: Result, act: Act, began: float, known: frozenset[int]) -> bool:
        """Note what has become visible since the last look; True when the act is over."""
        now = time.time() - began
        if result.issue is None:
            new = sorted(self._github.numbers() - known)
            if not new:
                return False
            result.issue, result.detected = new[0], now
            pages = self._running.github
            self._say(f"  issue {new[0]} is open after {now:.1f} s: {pages['url']}/{pages['repo']}/issues/{new[0]}")
        if result.acted is None:
            acted = self._engine.first(act.service, ("restart",), began)
            if acted is not None:
                result.acted = acted - began
                self._say(f"  {act.service} was restarted after {result.acted:.1f} s")
        if result.acted is not None and result.healthy is None:
            result.healthy = self._well_since(act, began + result.acted, began)
            if result.healthy is not None:
                self._say(f"  {act.service} is well after {result.healthy:.1f} s")
        incident = self._github.incident(result.issue)
        result.comments = len(incident.entries) - 1
        if result.verified is None and incident.last(Verified) is not None:
            result.verified = now
            self._say(f"  verified after {now:.1f} s")
        if result.closed is None and incident.closed:
            result.closed = now
            self._say(f"  closed after {now:.1f} s")
        return result.closed is not None and result.healthy is not None

    def _well_since(self, act: Act, acted: float, began: float) -> float | None:
        """Seconds after the fault from which the service and its customers were well again."""
        times = (self._health[act.service].well_from(acted), self._customer.well_from(acted, SLOW))
        seen = [one for one in times if one is not None]
        return max(seen) - began if len(seen) == len(times) else None

    def _judge(self, result: Result, act: Act, known: frozenset[int]) -> Iterator[str]:
        if result.issue is None:
            yield "no issue was opened"
            return
        seen = {"restarted": result.acted, "well again": result.healthy, "verified": result.verified}
        seen["closed"] = result.closed
        yield from (f"not {what} within {HEALED_WITHIN:.0f} s" for what, when in seen.items() if when is None)
        if result.restarts.get(act.service, 0) > 1:
            yield f"{act.service} was restarted {result.restarts[act.service]} times"
        yield from (f"{name} was restarted though it was well" for name in result.restarts if name != act.service)
        incident = self._github.incident(result.issue)
        first = incident.last(Detected)
        if first is not None and first.service != act.service:
            yield f"the issue is about {first.service}"
        if incident.rejected or incident.gaps:
            yield "the log is not whole"
        yield from (f"issue {n} was opened too" for n in sorted(self._github.numbers() - known - {result.issue}))

    def _chaos(self, act: Act, *more: str) -> None:
        script = str(REPOSITORY_ROOT / "trigger_chaos.py")
        arguments = [act.fault, "--service", act.service, "--state", self._running.state, *more]
        done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DemoFailed(f"trigger_chaos.py: {done.stderr.strip() or done.stdout.strip()}")

    def _settle(self) -> None:
        """Wait until the last labels and status cards of the act are written, so that its count is whole."""
        last, steady_since, deadline = self._writes_since(0), time.monotonic(), time.monotonic() + SETTLED_WITHIN
        while time.monotonic() < deadline and time.monotonic() - steady_since < 1.5:
            time.sleep(0.1)
            now = self._writes_since(0)
            if now != last:
                last, steady_since = now, time.monotonic()

    def _last_request(self) -> int:
        stats = self._github.stats()
        return int(stats["last_seq"]) if stats else 0

    def _writes_since(self, seq: int) -> int | None:
        stats = self._github.stats(seq)
        return int(stats["mutating"]) if stats else None

    def _tell(self, result: Result) -> None:
        for line in result.wrong:
            self._say(f"  WRONG: {line}")


def _fleet_memory(state: Path) -> dict[str, dict[str, float | None]]:
    """MB of each worker: `rss`, and `own` with shared pages divided among those who share them."""
    workers = {name: pid for name, pid in record.read(state).processes.items() if name not in SERVERS}
    return {name: {"rss": memory(pid), "own": own_memory(pid)} for name, pid in workers.items()}


def _report(results: list[Result], fleet: dict[str, dict[str, float | None]], took: float) -> None:
    from rich.console import Console

    from mission_control.demo_table import table

    console = Console() if sys.stdout.isatty() else Console(width=140)
    console.print()
    console.print(table(results))
    own, rss = (sum(one[kind] or 0.0 for one in fleet.values()) for kind in ("own", "rss"))
    each = ", ".join(f"{name} {one['own'] or 0.0:.0f}" for name, one in fleet.items())
    console.print(f"fleet memory: {own:.0f} MB in {len(fleet)} processes ({each}), shared pages counted once;", end=" ")
    console.print(f"{rss:.0f} MB when they are counted for each", highlight=False)
    wrong = sum(len(one.wrong) for one in results)
    verdict = "all healed, nothing touched without a fault" if not wrong else f"{wrong} thing(s) went wrong"
    console.print(f"{verdict}, after {took:.0f} s", highlight=False)


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    """Return when `condition` is true or the time is up."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
