"""A worker that is told to stop ends quietly, however much was still waiting."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.runtime.clock import SystemClock
from shared.runtime.step import Again
from shared.runtime.worker import Pace, Worker
from tests.runtime.fleet import FleetInMemory


class Slow:
    """Steps that last until they are let go."""

    def __init__(self) -> None:
        self.standing: dict[int, str] = {}
        self.begun, self.go = threading.Semaphore(0), threading.Event()
        self.stepped: list[int] = []

    def step(self, number: int) -> Again:
        self.begun.release()
        self.go.wait(10)
        self.stepped.append(number)
        return Again(None)


def worker_of(tmp_path: Path, steps: Slow) -> Worker:
    fleet = FleetInMemory(tmp_path)
    desk, given = fleet.desk("brain"), steps
    stepper: Any = given
    worker = Worker(stepper, desk, fleet.scribe("brain"), Pace(timedelta(seconds=60), parallel=2))
    worker.agenda = type(worker.agenda)(SystemClock().monotonic)
    return worker


def test_steps_that_were_never_begun_are_left_to_the_log(tmp_path: Path) -> None:
    steps = Slow()
    worker = worker_of(tmp_path, steps)
    for number in range(1, 11):
        worker.agenda.wake(number)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            worker.run()
        except BaseException as error:
            failures.append(error)
            raise

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    for _ in range(2):
        assert steps.begun.acquire(timeout=10)
    worker.stop()
    steps.go.set()
    thread.join(15)
    assert not thread.is_alive()
    assert failures == []


def test_an_incident_that_falls_to_another_process_is_left_alone(tmp_path: Path) -> None:
    steps = Slow()
    steps.go.set()
    worker = worker_of(tmp_path, steps)
    worker.mine = lambda number: number % 2 == 0
    for number in range(1, 7):
        worker.agenda.wake(number)
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    for _ in range(3):
        assert steps.begun.acquire(timeout=10)
    worker.stop()
    thread.join(15)
    assert sorted(steps.stepped) == [2, 4, 6]
