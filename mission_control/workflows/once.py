"""One role's step, once over some incidents: what a workflow runs where, or while, no worker of that role does.

It is the worker's own step: the same keys, the same log, the same claims. Run twice, or beside a running worker, it
does what is left to do. It never waits for a deadline; the next run takes the incident up from its log.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from mission_control.exits import Exit
from mission_control.fleet.worker import put_together, redactor_of
from mission_control.github import GithubSaysNo
from mission_control.settings import Settings
from mission_control.terminal.printable import printable
from shared.incident.record import Role
from shared.ports import Issues, Permanent, Transient
from shared.runtime import log
from shared.runtime.step import SOON, Again
from shared.runtime.worker import Worker

TRIES: Final = 4
"""Steps on one incident: GitHub may be away for a moment, and one step has a bound of effects."""
LONGEST_PAUSE: Final = 10.0
"""Seconds before what failed for now is tried again, at most."""

Choice = Callable[[Issues], tuple[int, ...]]
"""Which issues are to be stepped."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one issue."""

    number: int
    ok: bool
    text: str


def step_once(role: Role, settings: Settings, choose: Choice) -> int:
    """Print one line an issue; 0 when nothing was in the way, else 1. Raises BadSettings or GithubSaysNo.

    Not for Scout, who looks at the world and not at single issues.
    """
    log.configure(role, settings.log_level, redactor_of(settings))
    results = []
    for told in stepped(role, settings, choose):
        sys.stdout.write(f"#{told.number} {'ok' if told.ok else 'FAILED'}: {printable(told.text)}\n")
        results.append(told.ok)
    if not results:
        sys.stdout.write("no issue to look at\n")
    return Exit.OK if all(results) else Exit.ERROR


def stepped(role: Role, settings: Settings, choose: Choice) -> Iterator[Told]:
    """The steps, one by one; what must be closed is closed after the last. Raises as step_once."""
    if role == "scout":
        raise ValueError("scout has no step of one issue")
    redactor = redactor_of(settings)
    with ExitStack() as stack:
        running = put_together(role, settings, redactor, stack)
        for told in _each(running.worker, _chosen(choose, running.desk.issues), time.sleep):
            yield replace(told, text=" ".join(redactor.text(told.text).split()))


def _chosen(choose: Choice, issues: Issues) -> tuple[int, ...]:
    try:
        return choose(issues)
    except (Transient, Permanent) as failure:
        raise GithubSaysNo(f"the issues cannot be listed: {failure}") from failure


def _each(worker: Worker, numbers: tuple[int, ...], sleep: Callable[[float], None]) -> Iterator[Told]:
    for number in numbers:
        again = worker.step(number)
        for _ in range(TRIES - 1):
            if not _at_once(again):
                break
            sleep(min(again.seconds or 0.0, LONGEST_PAUSE))
            again = worker.step(number)
        yield Told(number, not again.failed, again.told)


def _at_once(again: Again) -> bool:
    """Whether it is worth another step now: something failed for now, or there is more to do."""
    return again.seconds is not None and (again.failed or again.seconds <= SOON)
