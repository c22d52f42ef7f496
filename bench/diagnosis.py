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
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final

from mission_control.patients import SERVICES
from shared.incident.facts import Diagnosed, Escalated, Stuck
from shared.incident.replay import Incident
from tests.scenario.stack import Stack, roomy_policy, running, wait_for

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


def first_word(incident: Incident) -> Diagnosed | Escalated | Stuck | None:
    """What Brain said first of the present firing."""
    words = (e.fact for e in incident.firing if isinstance(e.fact, Diagnosed | Escalated | Stuck))
    return next(words, None)


def leading(word: Diagnosed | Escalated | Stuck) -> tuple[str, str, float]:
    """Service, cause and probability that the fact leads with."""
    if isinstance(word, Diagnosed):
        return word.service, word.cause, word.confidence
    hypotheses = word.hypotheses if isinstance(word, Escalated) else ()
    best = hypotheses[0] if hypotheses else None
    return (best.service, best.cause, best.probability) if best else ("", "unknown", 0.0)


def play(stack: Stack, fault: str, service: str, herring: str) -> Verdict:
    """One scene from the injection to everything healed or handed on."""
    stack.rested()
    other = next(s for s in SERVICES if s not in (service, SELLS)) if herring else ""
    since = stack.inject(fault, service)
    if herring:
        stack.inject(herring, other, "--grade", "mild")
    try:
        number, word = wait_for(lambda: _diagnosed(stack, service, since), 60.0, f"{service} is diagnosed") or (0, None)
        assert word is not None
        blamed = {w for _, w, _ in _said(stack, since)}
        found, cause, probability = leading(word)
        right = found == service and cause in CAUSES[fault] and blamed <= {service, other}
        others = "".join(f", also {name}" for name in sorted(blamed - {service}))
        said = f"{cause} in {found} ({probability:.2f}){others}"
        seconds = _said_after(stack, number, since)
    except AssertionError as failed:
        said, right, seconds = str(failed), False, float("nan")
    stack.undo()
    _over(stack, since)
    return Verdict(fault, service, f"{herring} in {other}" if herring else "", said, right, seconds)


def _touched(stack: Stack, since: float) -> list[tuple[int, Incident]]:
    """Issues with a firing that began around this scene."""
    found = [(number, stack.incident(number)) for number in sorted(stack.numbers())]
    return [(n, i) for n, i in found if i.entries and i.firing[0].posted_at.timestamp() >= since - 2]


def _diagnosed(stack: Stack, service: str, since: float) -> tuple[int, Diagnosed | Escalated | Stuck] | None:
    for number, incident in _touched(stack, since):
        word = first_word(incident)
        if incident.detected.service == service and word is not None:
            return number, word
    return None


def _said(stack: Stack, since: float) -> list[tuple[int, str, str]]:
    words = [(n, first_word(i)) for n, i in _touched(stack, since)]
    return [(n, *leading(word)[:2]) for n, word in words if word is not None]


def _said_after(stack: Stack, number: int, since: float) -> float:
    """Seconds from the issue being opened (or reopened) to Brain's first comment on it."""
    log = [r for r in stack.fleet_log(since) if r.method == "POST" and r.status < 300]
    comments = f"/issues/{number}/comments"
    said = next(r.at for r in log if r.path.endswith(comments) and r.agent.startswith("sre-space/brain"))
    detected = (r.at for r in log if r.path.endswith(("/issues", comments)) and r.agent.startswith("sre-space/scout"))
    return said - max(at for at in detected if at <= said)


def _over(stack: Stack, since: float) -> None:
    """Wait until everything of the scene is closed; what was handed on is closed by a person."""

    def calm() -> bool:
        waiting = [(n, i) for n, i in _touched(stack, since) if not i.closed]
        for number, incident in waiting:
            if incident.status.value in ("Status: Escalated", "Status: Needs-Human"):
                stack.repository().call("PATCH", f"/issues/{number}", json={"state": "closed"})
        return not waiting

    wait_for(calm, 120.0, "all is closed")


def scenes(only: str | None, rounds: int) -> list[tuple[str, str, str]]:
    """Fault, service and herring, in an order that gives every service rest."""
    services = cycle(SERVICES)
    found = []
    for fault in CAUSES:
        if only in (None, fault):
            for herring in ("", HERRING[fault]) * rounds:
                found.append((fault, SELLS if fault == "conversion" else next(services), herring))
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
