"""A worker's loop: what it takes up when it starts, and that it ends quietly however much was still waiting."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.incident.labels import LEARNED
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


def worker_of(tmp_path: Path, steps: Slow, fleet: FleetInMemory | None = None) -> Worker:
    fleet = fleet or FleetInMemory(tmp_path)
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


class Quick(Slow):
    """Steps that end at once."""

    def __init__(self) -> None:
        super().__init__()
        self.go.set()


def taken_up(worker: Worker, steps: Slow, most: int) -> list[int]:
    """The incidents that a started worker steps, once so many have been."""
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    for _ in range(most):
        assert steps.begun.acquire(timeout=10)
    worker.stop()
    thread.join(15)
    return sorted(steps.stepped)


def issues_of(fleet: FleetInMemory) -> dict[str, int]:
    """One that was closed unfinished two days ago; one that was today; one that was finished; one that is open."""
    account, made = fleet.repository.account("sre-fleet"), {}
    for name in ("long ago", "unfinished", "learned", "open"):
        made[name] = account.open_issue(name, "body", ("incident",)).number
        if name == "learned":
            account.add_label(made[name], LEARNED)
        if name != "open":
            account.close(made[name])
        fleet.clock.advance(25 * 3600 if name == "long ago" else 1)
    return made


def test_a_worker_that_starts_takes_up_what_was_closed_unfinished_within_a_day(tmp_path: Path) -> None:
    fleet, steps = FleetInMemory(tmp_path), Quick()
    made = issues_of(fleet)
    assert taken_up(worker_of(tmp_path, steps, fleet), steps, 2) == [made["unfinished"], made["open"]]


def test_a_github_that_is_away_at_the_start_is_caught_up_with_later(tmp_path: Path) -> None:
    fleet, steps = FleetInMemory(tmp_path), Quick()
    made = issues_of(fleet)
    fleet.clock.advance(3600)
    worker = worker_of(tmp_path, steps, fleet)
    fleet.repository.down()
    tried = threading.Event()
    worker.heartbeat = tried.set  # it beats for the first time after it has tried to read
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    assert tried.wait(10)
    fleet.repository.down(None)
    worker.resync_soon()
    for _ in range(2):
        assert steps.begun.acquire(timeout=10)
    worker.stop()
    thread.join(15)
    assert sorted(steps.stepped) == [made["unfinished"], made["open"]]


def test_a_role_for_which_nothing_is_finished_by_its_label_takes_those_up_too(tmp_path: Path) -> None:
    fleet, steps = FleetInMemory(tmp_path), Quick()
    made = issues_of(fleet)
    worker = worker_of(tmp_path, steps, fleet)
    worker.finished = lambda _: False
    assert taken_up(worker, steps, 3) == [made["unfinished"], made["learned"], made["open"]]
