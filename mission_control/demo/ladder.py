"""`demo --tier3`: a commit that leaks. Its first OOM is a restart, its second more memory, its third an agent's patch.

A person's part is played by the demonstration: it says /approve to the agent's plan and to the merge of its patch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from mission_control.demo.acts import Result
from mission_control.demo.witnesses import EngineWitness, GithubWitness, wait_until
from mission_control.github import Repository
from shared.incident.facts import AnyFact, Diagnosed, Merged, Planned, Proved, Verified
from shared.incident.replay import Incident
from shared.incident.status import Status

FAULT: Final = "leak"
SERVICE: Final = "quote-service"
KILLED_WITHIN: Final = 240.0
HEALED_WITHIN: Final = 180.0
"""A proof serves customers until the leak has eaten its limit, twice."""
EVERY: Final = 0.2
"""Seconds between two looks: each asks GitHub for every incident."""
RUNGS: Final = ("restart", "set-memory", "merge-pull")
"""What answers the first, second and third OOM."""

Well = Callable[[float], float | None]
"""Epoch seconds from which the service and its customers were well again, after what was done then (epoch s)."""


@dataclass(slots=True)
class Ladder:
    """The witnesses it asks, and how to speak as the operator. All of it raises GithubSaysNo."""

    github: GithubWitness
    engine: EngineWitness
    operator: Repository
    say: Callable[[str], None]
    well: Well
    _approved: set[str] = field(default_factory=set)

    def climb(self, committed_at: float) -> Iterator[Result]:
        """One result an OOM; times are seconds after the kernel's kill. Ends at the first that goes wrong."""
        after = committed_at
        for n, rung in enumerate(RUNGS, start=1):
            result = Result(f"{FAULT}: OOM {n}", SERVICE)
            died = self._killed(after)
            if died is None:
                result.wrong.append(f"{SERVICE} was not killed within {KILLED_WITHIN:.0f} s")
            else:
                self.say(f"  {SERVICE} is killed for its memory, time {n}")
                self._rung(result, rung, died)
            yield result
            if result.wrong:
                return
            after = time.time()

    def _killed(self, after: float) -> float | None:
        """When the kernel killed the service next (epoch s)."""
        return wait_until(lambda: self.engine.first(SERVICE, ("oom",), after), KILLED_WITHIN, EVERY)

    def _rung(self, result: Result, rung: str, died: float) -> None:
        over = wait_until(lambda: self._look(result, rung, died), HEALED_WITHIN, EVERY)
        result.restarts = self.engine.restarts(died)
        result.wrong += self._judge(result, rung, over)

    def _look(self, result: Result, rung: str, died: float) -> bool:
        """Note what has become visible since the last look; True when this OOM's incident is over."""
        now = time.time() - died
        incident = self._incident(died)
        if incident is None:
            return False
        if result.issue is None:
            result.issue, result.detected = incident.number, now
            self.say(f"  issue {incident.number} is open after {now:.1f} s")
        said = [entry.fact for entry in incident.firing]
        self._as_operator(incident, said)
        if result.acted is None:
            result.acted = self._acted(rung, died, said, now)
        if result.acted is not None and result.healthy is None and (since := self.well(died + result.acted)):
            result.healthy = since - died
            self.say(f"  {SERVICE} is well after {result.healthy:.1f} s")
        if result.verified is None and any(isinstance(fact, Verified) for fact in said):
            result.verified = now
        if incident.closed and incident.status is Status.CLOSED and result.closed is None:
            result.closed, result.comments = now, len(incident.firing) - 1
            result.pulls = sum(isinstance(fact, Merged) for fact in said) or None
            self.say(f"  closed after {now:.1f} s")
        return result.closed is not None and result.healthy is not None

    def _incident(self, died: float) -> Incident | None:
        """The incident of the service whose newest firing began about then."""
        for number in sorted(self.github.numbers(), reverse=True):
            incident = self.github.incident(number)
            newest = incident.firing[0].posted_at.timestamp() if incident.firing else 0.0
            if incident.detected.service == SERVICE and newest >= died - 2.0:
                return incident
        return None

    def _acted(self, rung: str, died: float, said: list[AnyFact], now: float) -> float | None:
        if rung == "restart":
            restarted = self.engine.first(SERVICE, ("restart",), died)
            if restarted is not None:
                self.say(f"  {SERVICE} was restarted after {restarted - died:.1f} s")
            return None if restarted is None else restarted - died
        merged = next((fact for fact in said if isinstance(fact, Merged)), None)
        if merged is not None:
            self.say(f"  pull request {merged.number} was merged by {merged.by} after {now:.1f} s")
        return None if merged is None else now

    def _as_operator(self, incident: Incident, said: list[AnyFact]) -> None:
        """Say /approve once to the plan that is shown, and once to the merge that waits."""
        planned = next((fact for fact in reversed(said) if isinstance(fact, Planned)), None)
        waits = {
            Status.ESCALATED: planned and planned.plan_sha256,
            Status.NEEDS_APPROVAL: incident.directive and incident.directive.digest,
        }.get(incident.status)
        if not waits or waits in self._approved:
            return
        self._approved.add(waits)
        what = "its plan" if incident.status is Status.ESCALATED else "the merge of what it made"
        self.say(f"  the operator approves {what}")
        self.operator.call("POST", f"/issues/{incident.number}/comments", json={"body": "/approve"})

    def _judge(self, result: Result, rung: str, over: bool) -> Iterator[str]:
        if result.issue is None:
            yield "no issue was opened"
            return
        if not over:
            yield f"not over within {HEALED_WITHIN:.0f} s"
        incident = self.github.incident(result.issue)
        said = [e.fact.directive for e in incident.firing if isinstance(e.fact, Diagnosed | Proved)]
        verbs = [directive.verb for directive in said if directive is not None]
        if over and rung not in verbs:
            yield f"the answer was {', '.join(verbs) or 'none'}, not {rung}"
        wanted = {SERVICE: 1} if rung == "restart" else {}
        if result.restarts != wanted:
            yield f"restarted were {result.restarts}, not {wanted}"
        if incident.rejected or incident.gaps:
            yield "the log is not whole"
