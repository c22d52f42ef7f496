"""How fast a bad commit is taken back: `python -m bench.changes [--rounds N]`.

Each round commits a bad value as a developer would (`trigger_chaos.py conversion`) to a stack as a person starts it,
first with a forge that answers at once, then with one 150 ms away. The times are those of the signed facts, by the
forge's clock, which has whole seconds; the proof's own run time is what the facts say it took. The claim of others to
beat is 30 s from the anomaly to the merge; the aim is 10 s and the proof's own run time. Exit 1 when an incident did
not end as it should or the aim is missed.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.incident.facts import AnyFact, Deployed, Detected, Merged, Proposed, Proved, Verified
from shared.incident.replay import Incident
from tests.scenario.stack import Stack, roomy_policy, running
from tests.waiting import wait_for

SERVICE: Final = "policy-service"
PER_STACK: Final = 3
"""Rounds one stack can take: the fourth firing within the hour is handed on."""
WARM: Final = 80
"""Purchases before the first commit: what is usual must be known."""
WITHIN: Final = 180.0
AIM_S: Final = 10.0
_TOOK: Final = re.compile(r"\(([\d.]+) s, ")


@dataclass(frozen=True, slots=True)
class Run:
    """One incident, in seconds."""

    latency_ms: int
    detected: float
    """From the commit."""
    merged: float
    """From the detection, as everything below."""
    proof: float
    deployed: float
    verified: float
    writes: int

    @property
    def without_proof(self) -> float:
        return self.merged - self.proof


def play(stack: Stack, latency_ms: int) -> Run:
    """One round. Raises AssertionError when the commit is not taken back as it should be."""
    with ExitStack() as around:
        if latency_ms:
            around.enter_context(stack.misbehaving(latency_ms=latency_ms))
        began = stack.inject("conversion", SERVICE)
        number = stack.open_now(60.0)
        incident = stack.closed(number, WITHIN)
    firing = incident.firing
    pulls = [e.fact for e in firing if isinstance(e.fact, Proposed)]
    if len(pulls) != 1 or not any(isinstance(e.fact, Verified) and e.fact.outcome == "healthy" for e in firing):
        raise AssertionError(f"issue {number}: {[e.fact.move for e in firing]}")
    detected = _at(incident, Detected)
    return Run(
        latency_ms=latency_ms,
        detected=detected - began,
        merged=_at(incident, Merged) - detected,
        proof=_proof(incident),
        deployed=_at(incident, Deployed) - detected,
        verified=_at(incident, Verified) - detected,
        writes=sum(r.mutates for r in stack.fleet_log(began)),
    )


def _at(incident: Incident, kind: type[AnyFact]) -> float:
    return max(e.at.timestamp() for e in incident.firing if isinstance(e.fact, kind))


def _proof(incident: Incident) -> float:
    """Seconds the reproduction ran, both times."""
    proved = next(e.fact for e in reversed(incident.firing) if isinstance(e.fact, Proved))
    return sum(float(found[1]) for check in proved.checks if (found := _TOOK.search(check.detail)))


def main() -> int:
    """Print the table; 0 when the aim is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="for each latency (default 2)")
    rounds = parser.parse_args().rounds
    runs: list[Run] = []
    todo = [latency for latency in (0, 150) for _ in range(rounds)]
    with tempfile.TemporaryDirectory(prefix="bench-changes-") as folder:
        policy = roomy_policy(Path(folder))
        while todo:
            with running(SRE_POLICY=policy) as stack:
                wait_for(lambda: stack.sold() > WARM, 90.0, "purchases")
                for _ in range(min(PER_STACK, len(todo))):
                    runs.append(play(stack, todo.pop(0)))
                    print(runs[-1], flush=True)
                    stack.rested()
    print(f"{platform.platform()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    return _report(runs)


def _report(runs: list[Run]) -> int:
    rows: tuple[tuple[str, Callable[[Run], float]], ...] = (
        ("commit to detected", lambda r: r.detected),
        ("detected to merged", lambda r: r.merged),
        ("  of which the proof", lambda r: r.proof),
        ("  and all else", lambda r: r.without_proof),
        ("detected to deployed", lambda r: r.deployed),
        ("detected to verified", lambda r: r.verified),
        ("writes to GitHub", lambda r: r.writes),
    )
    print(f"{'median (worst)':24}" + "".join(f"{f'{ms} ms away':>18}" for ms in (0, 150)))
    for name, value in rows:
        cells = []
        for latency in (0, 150):
            values = [value(r) for r in runs if r.latency_ms == latency]
            cells.append(f"{statistics.median(values):8.1f} ({max(values):.1f})" if values else "–")
        print(f"{name:24}" + "".join(f"{cell:>18}" for cell in cells))
    far = [r.without_proof for r in runs if r.latency_ms == 150]
    met = bool(far) and statistics.median(far) <= AIM_S
    print(f"aim, {AIM_S:.0f} s and the proof's own time with 150 ms: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
