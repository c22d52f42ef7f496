"""kill -9 of every worker at every step of an oom incident: one restart each time, and the incident closes.

Run: `python -m bench.crash_points [--only WORKER]`. Prints a table; exit 1 when any promise is broken. Each row: a
process that kills itself at the step does the worker's part of one incident, its successor the rest. The points are
those of shared/crashpoints.py; the witnesses are the engine's events and the issue itself.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Final

from mission_control.world.patients import SERVICES
from shared.incident.facts import Applied
from tests.scenario.stack import Stack, roomy_policy, running

EVERYWHERE: Final = ("read", "judged", "written", "woken")
MATRIX: Final = {
    "scout": ("opened", *EVERYWHERE),  # first: a second firing of one service is reopened, not opened
    "brain": EVERYWHERE,
    "guardrail": EVERYWHERE,
    "fixer": (*EVERYWHERE, "intent-written", "acted", "outcome-written"),
    "memory": EVERYWHERE,
}
"""Each worker of the incident with the points it passes."""
PER_STACK: Final = 3 * len(SERVICES)
"""The fourth firing of one fault within the hour is handed on instead of restarted: a fresh stack before that."""


def cases(only: str | None) -> Iterator[tuple[str, str]]:
    for worker, points in MATRIX.items():
        if only in (None, worker):
            yield from ((worker, point) for point in points)


def play(stack: Stack, worker: str, point: str, service: str) -> list[str]:
    """What is wrong after one incident with one death; nothing, it is hoped."""
    since = time.time()
    try:
        with stack.stand_in(worker, point) as marker:
            stack.inject("oom", service)
            stack.died(marker)
        number = stack.open_now()
        incident = stack.closed(number, 60.0)
    except AssertionError as failed:
        return [str(failed)]
    wrong = []
    if stack.restarts(since) != {service: 1}:
        wrong.append(f"restarts by the engine: {stack.restarts(since)}")
    if stack.starts(since) != {service: 1}:
        wrong.append(f"starts by the engine: {stack.starts(since)}")
    applied = sum(isinstance(entry.fact, Applied) for entry in incident.firing)
    if applied != 1:
        wrong.append(f"{applied} Applied facts")
    wrong += [f"comment {no.comment_id} refused: {no.reason}" for no in incident.rejected]
    wrong += list(incident.gaps)
    return wrong


def _some_at_a_time(all_cases: list[tuple[str, str]], size: int) -> Iterator[list[tuple[str, str]]]:
    for start in range(0, len(all_cases), size):
        yield all_cases[start : start + size]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.crash_points", description=__doc__)
    parser.add_argument("--only", choices=tuple(MATRIX), help="this worker alone")
    only = parser.parse_args().only
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}, Python {sys.version.split()[0]}"
    )
    print(f"{'worker':10} {'killed at':16} {'service':16} {'seconds':>8}  outcome", flush=True)
    broken = count = 0
    for some in _some_at_a_time(list(cases(only)), PER_STACK):
        services = cycle(SERVICES)
        with tempfile.TemporaryDirectory() as folder, running(SRE_POLICY=roomy_policy(Path(folder))) as stack:
            for worker, point in some:
                stack.rested()
                service, began = next(services), time.monotonic()
                wrong = play(stack, worker, point, service)
                broken += bool(wrong)
                count += 1
                said = "; ".join(wrong) or "one restart, closed"
                print(f"{worker:10} {point:16} {service:16} {time.monotonic() - began:8.1f}  {said}", flush=True)
    print(f"{count - broken} of {count} deaths left exactly one restart and a closed incident")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
