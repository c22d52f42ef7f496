"""Promise 02: two Fixers on one directive, every interleaving of their steps, up to two crashes: one restart."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from agents.fixer.actuators.container import ContainerRestart
from agents.fixer.actuators.ledger import Ledger
from shared.incident.facts import Applied, Refused
from shared.ports import Transient
from shared.testing.clock import VirtualClock
from shared.testing.engine import MemoryEngine
from tests.fixer.schedules import Stage, explore
from tests.fixer.world import SERVICES, TARGET, World

GRACE_S = 1.0
SCRATCH = "/dev/shm" if Path("/dev/shm").is_dir() else None


@dataclass
class Race:
    """Two Fixers that repeat until they have an answer."""

    crashes: int
    margin_s: float = 1.0
    locked: bool = True
    patient: bool = True
    """Do not even try the lock while the other holds it: trying in vain changes nothing, so nothing is left out."""
    outcomes: Counter[str] = field(default_factory=Counter)
    restarts: Counter[int] = field(default_factory=Counter)

    def run(self, choices: list[int]) -> list[tuple[int, int]]:
        """One schedule, on a fresh host."""
        folder = Path(tempfile.mkdtemp(dir=SCRATCH))
        clock = VirtualClock()
        stage = Stage(choices, self.crashes)
        engine = MemoryEngine(clock, stop_takes=GRACE_S)
        engine.add(TARGET)
        directive = World(folder, clock, engine).directive(grace_s=GRACE_S)
        engine.step = lambda _: stage.step()
        answers: list[Applied | Refused] = []

        def wait_for_the_lock(seconds: float) -> None:
            stage.step(waiting=True)
            clock.advance(seconds)

        def fixer() -> None:
            ledger = Ledger(folder, clock, wait_for_the_lock) if self.locked else Unlocked(folder, clock, clock.wait)
            hand = ContainerRestart(
                engine,
                ledger,
                clock,
                SERVICES,
                margin=timedelta(seconds=self.margin_s),
                wait=clock.wait,
                reach=lambda _: stage.step(),
            )
            while True:
                if self.patient:
                    stage.alone()
                try:
                    answers.append(hand.carry_out(directive))
                    return
                except Transient as later:
                    clock.advance(later.retry_after or 1.0)
                finally:
                    stage.wake()
                stage.step()

        try:
            stage.run([fixer, fixer])
        finally:
            shutil.rmtree(folder)
        self.restarts[len(engine.restarts)] += 1
        if self.locked and self.margin_s:
            assert answers[0] == answers[1], "both Fixers say the same"
        for answer in answers:
            self.outcomes["settled" if isinstance(answer, Applied) and answer.settled else answer.kind] += 1
        return stage.taken

    def all(self) -> int:
        """Every schedule; how many there were."""
        return sum(1 for _ in explore(self.run))


class Unlocked(Ledger):
    """A ledger whose lock locks nothing."""

    @contextmanager
    def lock(self, target: str, patience: float = 10.0) -> Iterator[None]:
        yield


@pytest.mark.parametrize(("crashes", "patient", "at_least"), [(0, False, 10), (1, True, 30), (2, True, 300)])
def test_two_fixers_in_every_interleaving_with_crashes_restart_once(crashes: int, patient: bool, at_least: int) -> None:
    race = Race(crashes, patient=patient)
    schedules = race.all()
    assert race.restarts == {1: schedules}
    assert schedules >= at_least
    assert set(race.outcomes) == ({"applied", "settled"} if crashes else {"applied"})


def test_without_the_quiet_time_some_interleaving_restarts_twice() -> None:
    """The negative control of the settlement: the search does find the race when its guard is taken away."""
    race = Race(crashes=1, margin_s=-GRACE_S)
    assert any(race.restarts[2] for _ in explore(race.run))


def test_without_the_lock_some_interleaving_restarts_twice() -> None:
    """The negative control of the lock."""
    race = Race(crashes=0, locked=False, patient=False)
    assert any(race.restarts[2] for _ in explore(race.run))
