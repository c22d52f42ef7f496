"""Is every chaos fault diagnosed right, and how soon: `python -m bench.diagnosis [--fault F] [--rounds N]`.

Each fault is injected into a running stack alone, and together with a second, milder one in another service (the red
herring, which gets its own issue). Right is the service and the cause class of the first diagnosis on the fault's own
issue; no diagnosis may name a service that has no fault. Exit 1 when one is wrong, or takes longer than the target
after its issue was opened (the forge's request log).
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final

from mission_control.world.patients import SERVICES
from shared.incident.facts import Diagnosed, Escalated, Stuck
from shared.incident.replay import Incident
from tests.scenario.stack import Request, Stack, roomy_policy, running
from tests.waiting import wait_for

CAUSES: Final[dict[str, frozenset[str]]] = {
    "oom": frozenset(("oom",)),
    "crash": frozenset(("crash",)),
    "hang": frozenset(("hang",)),
    "latency": frozenset(("slow", "cpu")),
    "errors": frozenset(("errors",)),
    "conversion": frozenset(("business-rule",)),
}
"""What each fault truly is, in the protocol's words. Injected latency is waiting inside the service's own handlers."""
HERRING: Final = dict.fromkeys(CAUSES, "latency") | {"latency": "errors"}
TARGET_S: Final = 1.0
WARM_UP_S: Final = 30.0
"""After this time Scout has seen enough of every operation to know what is usual."""
SELLS: Final = "policy-service"
"""Where purchases are refused."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One fault and what was said of it. `seconds`: from the issue being open to the diagnosis on it."""

    fault: str
    service: str
    herring: str
    said: str
    right: bool
    seconds: float


Word = Diagnosed | Escalated | Stuck


def first_word(incident: Incident) -> Word | None:
    """What Brain said first of the present firing."""
    words = (e.fact for e in incident.firing if isinstance(e.fact, Diagnosed | Escalated | Stuck))
    return next(words, None)


def leading(word: Word) -> tuple[str, str, float]:
    """Service, cause and probability that the fact leads with."""
    if isinstance(word, Diagnosed):
        return word.service, word.cause, word.confidence
    hypotheses = word.hypotheses if isinstance(word, Escalated) else ()
    best = hypotheses[0] if hypotheses else None
    return (best.service, best.cause, best.probability) if best else ("", "unknown", 0.0)


def play(stack: Stack, fault: str, service: str, herring: str, other: str) -> Verdict:
    """One scene from the injection to everything healed or handed on. `herring` befalls `other`."""
    stack.rested()
    since = stack.inject(fault, service)
    if herring:
        stack.inject(herring, other, "--grade", "mild")
    scene = Scene(stack, since)
    try:
        found = wait_for(lambda: scene.word_on(service), 60.0, f"{service} is diagnosed")
        assert found is not None
        number, word = found
        words = [first_word(incident) for incident in scene.incidents().values()]
        blamed = {leading(w)[0] for w in words if w is not None}
        at, cause, probability = leading(word)
        right = at == service and cause in CAUSES[fault] and blamed <= {service, other}
        others = "".join(f", also {name}" for name in sorted(blamed - {service}))
        said, seconds = f"{cause} in {at} ({probability:.2f}){others}", scene.seconds(number)
    except AssertionError as failed:
        said, right, seconds = str(failed), False, float("nan")
    stack.undo()
    wait_for(scene.over, 120.0, "all is closed")
    return Verdict(fault, service, f"{herring} in {other}" if herring else "", said, right, seconds)


class Scene:
    """What the fleet wrote since the injection, by the forge's own log; issues are read only when it wrote to them."""

    def __init__(self, stack: Stack, since: float) -> None:
        self._stack, self._since = stack, since
        self._read: dict[int, tuple[int, Incident]] = {}

    def incidents(self) -> dict[int, Incident]:
        """Every issue that Brain has commented on since, by number."""
        said = Counter(int(r.path.split("/")[-2]) for r in self._posts("brain") if r.path.endswith("/comments"))
        for number, count in said.items():
            if self._read.get(number, (0, None))[0] != count:
                self._read[number] = count, self._stack.incident(number)
        return {number: incident for number, (_, incident) in self._read.items()}

    def word_on(self, service: str) -> tuple[int, Word] | None:
        """The issue of `service` and what Brain said first of it."""
        for number, incident in self.incidents().items():
            word = first_word(incident)
            if incident.detected.service == service and word is not None:
                return number, word
        return None

    def seconds(self, number: int) -> float:
        """From the symptom standing on the issue to Brain's first comment there."""
        comments = f"/issues/{number}/comments"
        said = next(r.at for r in self._posts("brain") if r.path.endswith(comments))
        detected = (r.at for r in self._posts("scout") if r.path.endswith(("/issues", comments)))
        return said - max(at for at in detected if at <= said)

    def over(self) -> bool:
        """Whether all is closed: healed, or certified to have recovered once the fault was taken back."""
        time.sleep(1.0)  # the forge's hourly limit is the operator's too
        return not list(self._stack.repository().pages("/issues", labels="incident", state="open"))

    def _posts(self, worker: str) -> list[Request]:
        log = self._stack.fleet_log(self._since)
        return [r for r in log if r.method == "POST" and r.status < 300 and r.agent == f"sre-space/{worker}"]


def scenes(only: str | None, rounds: int) -> list[tuple[str, str, str, str]]:
    """Fault, service, herring and where that is, in an order that gives every service rest."""
    services, others = cycle(SERVICES), cycle(s for s in SERVICES if s != SELLS)
    found = []
    for fault in CAUSES:
        if only in (None, fault):
            for herring in ("", HERRING[fault]) * rounds:
                service = SELLS if fault == "conversion" else next(services)
                other = next(s for s in others if s != service) if herring else ""
                found.append((fault, service, herring, other))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.diagnosis", description=__doc__)
    parser.add_argument("--fault", choices=tuple(CAUSES))
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    load = f"load {os.getloadavg()[0]:.1f}"
    print(f"{os.cpu_count()} cores, {load}, {platform.platform()}, Python {sys.version.split()[0]}")
    print(f"{'fault':11} {'service':15} {'red herring':26} {'seconds':>8}  {'':6} said", flush=True)
    verdicts = []
    with tempfile.TemporaryDirectory() as folder, running(SRE_POLICY=roomy_policy(Path(folder))) as stack:
        time.sleep(WARM_UP_S)
        for scene in scenes(given.fault, given.rounds):
            v = play(stack, *scene)
            verdicts.append(v)
            word = "right" if v.right else "WRONG"
            print(f"{v.fault:11} {v.service:15} {v.herring:26} {v.seconds:8.2f}  {word:6} {v.said}", flush=True)
    right = sum(v.right for v in verdicts)
    seconds = [v.seconds for v in verdicts if v.seconds == v.seconds]
    median = statistics.median(seconds) if seconds else float("nan")
    met = bool(seconds) and median <= TARGET_S
    print(
        f"{right} of {len(verdicts)} right; issue open to diagnosis: median {median:.2f} s, worst {max(seconds):.2f} s"
    )
    print(f"target: all right, {TARGET_S:g} s: {'met' if met and right == len(verdicts) else 'MISSED'}")
    return 0 if met and right == len(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
