"""The stage of `demo`: the faults one after another, and the witnesses that watch what comes of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from mission_control.demo.acts import ACTS, Act, Result
from mission_control.demo.ladder import FAULT, RUNGS, SERVICE, Ladder
from mission_control.demo.revert import RevertWatch
from mission_control.demo.witnesses import (
    BUY_EVERY,
    EngineWitness,
    GithubWitness,
    Watcher,
    health_of,
    purchase_at,
    quote_at,
    wait_until,
)
from mission_control.github import Repository
from mission_control.settings import REPOSITORY_ROOT
from mission_control.terminal.console import progress
from mission_control.world import record
from shared.incident.facts import Detected, Verified
from shared.incident.signing import parse_keyring

SLOW: Final = 0.3
"""Seconds: a quote that takes longer is not a healthy answer (usual: a few hundredths)."""
SETTLED_WITHIN: Final = 10.0
QUIET: Final = 15.0
"""Seconds without a fault before the first and after the last one; the first also is the detectors' baseline."""


class DemoFailed(Exception):
    """The demonstration could not be held."""


class Stage:
    """The witnesses, and the acts one after another."""

    def __init__(
        self, running: record.Record, say: Callable[[str], None], stack: ExitStack, no_revert: str, tier3: bool
    ) -> None:
        """`no_revert`: why a bad commit cannot be taken back without a person here; empty where it can.

        `tier3`: besides, an OOM that returns until an agent's patch ends it.
        """
        if running.marketplace is None or running.docker_readonly is None or running.faults is None:
            raise DemoFailed("there is no marketplace to break: its containers are not deployed by this up")
        self._running = running
        self._say = say
        if tier3 and (no_revert or not running.github["tokens"]["operator"]):
            raise DemoFailed(
                f"--tier3 needs a merge by policy, and an operator who approves: {no_revert or 'no token'}"
            )
        self._ladder = tier3
        self._acts = tuple(act for act in ACTS if act.by == "restart" or not no_revert)
        github = running.github
        keyring = parse_keyring((Path(running.state) / "keys.toml").read_text(encoding="utf-8"))
        token = github["tokens"]["operator"] or github["tokens"]["fleet"]
        admin = github["tokens"]["fleet"] if github["tokens"]["operator"] else None
        repository = Repository(github["api"], github["repo"], token)
        self._repository = repository
        self._several = bool(github["tokens"]["operator"])
        self._github = GithubWitness(repository, keyring, github["url"], admin)
        self._engine = EngineWitness(running.docker_readonly)
        stack.callback(self._engine.close)
        self._health = {
            name: Watcher(name, health_of(url)) for name, url in running.containers.items() if name != "load"
        }
        self._customer = Watcher("customer", quote_at(running.marketplace))
        self._buyer = Watcher("buyer", purchase_at(running.marketplace), BUY_EVERY)
        for watcher in (*self._health.values(), self._customer, self._buyer):
            stack.callback(watcher.close)

    def perform(self) -> list[Result]:
        """All acts between two quiet times. Raises GithubSaysNo or DemoFailed."""
        running = self._running
        self._say(f"incidents    {running.github['url']}/{running.github['repo']}/issues")
        self._say(f"marketplace  {running.marketplace}")
        self._say(f"traces       {running.traces['query']}")
        results: list[Result] = []
        of = 2 + len(self._acts) + (len(RUNGS) if self._ladder else 0)
        with progress("demonstration") as tell:
            tell(0, of)
            for result in self._results():
                results.append(result)
                tell(len(results), of)
        if self._engine.trouble:
            results[-1].wrong.append(self._engine.trouble)
        return results

    def _results(self) -> Iterator[Result]:
        yield self._quiet("before")
        for act in self._acts:
            yield self._play(act)
        if self._ladder:
            yield from self._climb()
        yield self._quiet("after")

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
        revert = RevertWatch(self._repository, self._several) if act.by == "revert" else None
        self._say(f"fault: {act.fault} in {act.service}")
        began = time.time()
        told = self._chaos(act)
        wait_until(lambda: self._look(result, act, began, known, revert), act.within)
        self._settle()
        result.restarts = self._engine.restarts(began)
        result.writes = self._writes_since(seq)
        result.wrong += self._judge(result, act, known)
        if revert is None:
            result.wrong += self._judge_restart(result, act)
        elif result.issue is not None:
            result.pulls = len(revert.pulls())
            result.wrong += revert.wrong(told["commit"], result.issue)
            result.wrong += self._judge_revert(result, began)
        if result.healthy is None or result.wrong:
            self._chaos(act, "--undo")
        self._tell(result)
        return result

    def _climb(self) -> Iterator[Result]:
        """The OOM that returns."""
        self._say(f"fault: a commit to {SERVICE} that leaks")
        began = time.time()
        self._chaos(Act(FAULT, SERVICE))
        ladder = Ladder(self._github, self._engine, self._repository, self._say, self._well_from)
        for result in ladder.climb(began):
            self._tell(result)
            yield result
        if result.wrong:
            self._chaos(Act(FAULT, SERVICE), "--undo")

    def _well_from(self, acted: float) -> float | None:
        """Epoch seconds from which SERVICE and its customers were well again after `acted`."""
        seen = (self._health[SERVICE].well_from(acted), self._customer.well_from(acted, SLOW))
        return None if None in seen else max(one for one in seen if one is not None)

    def _look(self, result: Result, act: Act, began: float, known: frozenset[int], revert: RevertWatch | None) -> bool:
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
            self._note_act(result, act, began, revert)
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

    def _note_act(self, result: Result, act: Act, began: float, revert: RevertWatch | None) -> None:
        """The restart by the engine's word, the merge by GitHub's."""
        if revert is None:
            acted = self._engine.first(act.service, ("restart",), began)
            if acted is not None:
                result.acted = acted - began
                self._say(f"  {act.service} was restarted after {result.acted:.1f} s")
            return
        pulls = revert.pulls()
        if pulls and result.pulls is None:
            self._say(f"  pull request {pulls[0]['number']} is open after {time.time() - began:.1f} s")
        result.pulls = len(pulls) or None
        merged = next((row for row in pulls if row["merged_at"]), None)
        if merged is not None:
            result.acted = time.time() - began
            self._say(f"  pull request {merged['number']} was merged after {result.acted:.1f} s: {merged['title']}")

    def _well_since(self, act: Act, acted: float, began: float) -> float | None:
        """Seconds after the fault from which the service and its customers were well again."""
        times = [self._health[act.service].well_from(acted), self._customer.well_from(acted, SLOW)]
        if act.by == "revert":
            times.append(self._buyer.well_from(acted))
        seen = [one for one in times if one is not None]
        return max(seen) - began if len(seen) == len(times) else None

    def _judge(self, result: Result, act: Act, known: frozenset[int]) -> Iterator[str]:
        """What every act must have come to."""
        if result.issue is None:
            yield "no issue was opened"
            return
        did = "restarted" if act.by == "restart" else "merged"
        seen = {did: result.acted, "well again": result.healthy, "verified": result.verified}
        seen["closed"] = result.closed
        yield from (f"not {what} within {act.within:.0f} s" for what, when in seen.items() if when is None)
        incident = self._github.incident(result.issue)
        first = incident.last(Detected)
        if first is not None and first.service != act.service:
            yield f"the issue is about {first.service}"
        if incident.rejected or incident.gaps:
            yield "the log is not whole"
        yield from (f"issue {n} was opened too" for n in sorted(self._github.numbers() - known - {result.issue}))

    def _judge_restart(self, result: Result, act: Act) -> Iterator[str]:
        if result.restarts.get(act.service, 0) > 1:
            yield f"{act.service} was restarted {result.restarts[act.service]} times"
        yield from (f"{name} was restarted though it was well" for name in result.restarts if name != act.service)

    def _judge_revert(self, result: Result, began: float) -> Iterator[str]:
        yield from (f"{name} was restarted, which heals no commit" for name in result.restarts)
        if all(one.ok for one in self._buyer.answers(began) if one.at < began + (result.acted or 0.0)):
            yield "no customer was refused: the commit did no harm"

    def _chaos(self, act: Act, *more: str) -> dict[str, Any]:
        """What trigger_chaos.py did, by its own word. Raises DemoFailed."""
        script = str(REPOSITORY_ROOT / "trigger_chaos.py")
        arguments = [act.fault, "--service", act.service, "--state", self._running.state, "--json", *more]
        done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DemoFailed(f"trigger_chaos.py: {done.stderr.strip() or done.stdout.strip()}")
        told: dict[str, Any] = json.loads(done.stdout)
        return told

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
