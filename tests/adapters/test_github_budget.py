"""The write budget: shared by every process of the host, sliding, with room kept for what matters."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.github.budget import WINDOWS, Window, WriteBudget
from shared.adapters.github.lanes import turn, writing_in
from shared.adapters.github.paced import PacedQueue
from shared.ports import Lane, Permanent, Transient
from shared.runtime.clock import SystemClock
from shared.testing.clock import VirtualClock
from tests.waiting import wait_for

LANES: tuple[Lane, ...] = ("safety", "result", "status", "cosmetic")


def budget(folder: Path, clock: VirtualClock, patience: float = 5.0) -> WriteBudget:
    return WriteBudget(folder, "fleet", clock, sleep=clock.wait, patience=patience)


def spend(take: Callable[[], None]) -> int:
    """How many writes pass at once."""
    for done in range(1000):
        try:
            take()
        except Transient:
            return done
    raise AssertionError("no end to it")


@pytest.mark.parametrize(("lane", "minute"), [("safety", 60), ("result", 54), ("status", 40), ("cosmetic", 30)])
def test_a_lane_may_fill_its_share_of_a_minute_in_one_burst(tmp_path: Path, lane: Lane, minute: int) -> None:
    mine = budget(tmp_path, VirtualClock())
    assert spend(lambda: mine.acquire(lane, True)) == minute


@pytest.mark.parametrize(("lane", "minute"), [("safety", 150), ("result", 144), ("status", 100), ("cosmetic", 75)])
def test_writes_that_create_nothing_have_a_wider_window(tmp_path: Path, lane: Lane, minute: int) -> None:
    mine = budget(tmp_path, VirtualClock())
    assert spend(lambda: mine.acquire(lane, False)) == minute


def test_what_the_lower_lanes_leave_is_there_for_the_upper_ones(tmp_path: Path) -> None:
    mine = budget(tmp_path, VirtualClock())
    left = [spend(lambda lane=lane: mine.acquire(lane, True)) for lane in reversed(LANES)]  # type: ignore[misc]
    assert left == [30, 10, 14, 6]


def test_a_short_wait_is_waited_and_a_long_one_is_transient_with_its_length(tmp_path: Path) -> None:
    clock = VirtualClock()
    mine = budget(tmp_path, clock)
    for _ in range(60):
        mine.acquire("safety", True)
    with pytest.raises(Transient) as refused:
        mine.acquire("safety", True)
    assert refused.value.retry_after == pytest.approx(60, abs=0.1)
    clock.advance(57)
    mine.acquire("safety", True)
    assert clock.monotonic() == pytest.approx(60, abs=0.1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(LANES), st.booleans(), st.floats(0, 40), st.integers(1, 30)), min_size=5, max_size=40
    )
)
def test_no_window_is_ever_overfull_whatever_the_storm(
    tmp_path_factory: pytest.TempPathFactory, storm: list[tuple[Lane, bool, float, int]]
) -> None:
    clock = VirtualClock()
    mine = budget(tmp_path_factory.mktemp("budget"), clock)
    stamps: dict[str, list[float]] = {"creations": [], "mutations": []}
    for lane, creates, idle, burst in storm:
        clock.advance(idle)
        for _ in range(burst):
            try:
                mine.acquire(lane, creates)
            except Transient:
                break
            stamps["mutations"].append(clock.monotonic())
            if creates:
                stamps["creations"].append(clock.monotonic())
    for window in WINDOWS:
        times = stamps[window.kind]
        for start in times:
            assert sum(start <= at < start + window.seconds - 0.01 for at in times) <= window.limit


def test_four_hundred_creations_an_hour_is_the_end_of_it(tmp_path: Path) -> None:
    clock = VirtualClock()
    mine = budget(tmp_path, clock)
    done = 0
    while clock.monotonic() < 3599:
        try:
            mine.acquire("safety", True, patience=0)
            done += 1
        except Transient:
            clock.advance(1)
    assert done == 400
    assert mine.left("safety") == 0
    clock.advance(62)
    assert mine.left("safety") > 0


def test_a_clock_set_back_never_frees_and_never_locks_for_longer_than_a_window(tmp_path: Path) -> None:
    late = VirtualClock()
    late.advance(86_400)
    ahead = budget(tmp_path, late)
    for _ in range(60):
        ahead.acquire("safety", True)
    clock = VirtualClock()
    behind = budget(tmp_path, clock)
    with pytest.raises(Transient) as refused:
        behind.acquire("safety", True)
    assert refused.value.retry_after is not None
    assert refused.value.retry_after <= 60.1
    waited = 0
    while spend(lambda: behind.acquire("safety", True, patience=0)) == 0:
        clock.advance(1)
        waited += 1
        assert waited <= 61


def test_a_torn_file_is_started_anew(tmp_path: Path) -> None:
    mine = budget(tmp_path, VirtualClock())
    mine.acquire("result", True)
    next(tmp_path.glob("*.json")).write_text('{"creations": [1.0, ')
    mine.acquire("result", True)
    assert len(json.loads(next(tmp_path.glob("*.json")).read_text())["creations"]) == 1


def spender(folder: Path, ready: Barrier, done: Queue[int]) -> None:
    mine = WriteBudget(folder, "fleet", SystemClock(), patience=0)
    ready.wait(20)
    passed = 0
    for _ in range(12):
        try:
            mine.acquire("safety", True)
            passed += 1
        except Transient:
            pass
    done.put(passed)


def test_ten_processes_together_spend_exactly_one_budget(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    ready, done = fork.Barrier(10), fork.Queue()
    processes = [fork.Process(target=spender, args=(tmp_path, ready, done)) for _ in range(10)]
    for process in processes:
        process.start()
    assert sum(done.get(timeout=30) for _ in processes) == 60
    for process in processes:
        process.join(10)
        assert process.exitcode == 0
        process.close()
    done.close()
    done.join_thread()


def test_windows_can_be_chosen(tmp_path: Path) -> None:
    mine = WriteBudget(tmp_path, "fleet", VirtualClock(), windows=(Window("creations", 60, 3),), patience=0)
    assert spend(lambda: mine.acquire("safety", True)) == 3
    mine.acquire("safety", False)


# the queue of writes that may lag


def void(_: object) -> None:
    """For a Callable[[], None]."""


def test_the_newest_of_a_key_wins_and_lanes_go_in_order() -> None:
    queue = PacedQueue(SystemClock())
    gate, done = threading.Event(), list[str]()
    queue.submit("status", "first", lambda: void(gate.wait(20)))
    wait_for(lambda: queue.pending == 1)
    queue.submit("cosmetic", "card", lambda: done.append("card old"))
    queue.submit("status", "labels", lambda: done.append("labels"))
    queue.submit("cosmetic", "card", lambda: done.append("card new"))
    queue.submit("safety", "stuck", lambda: done.append("stuck"))
    gate.set()
    assert queue.drain(5)
    assert done == ["stuck", "labels", "card new"]
    assert queue.stop()


def test_changes_that_follow_each_other_closely_become_one_write() -> None:
    queue = PacedQueue(SystemClock(), settle={"status": 0.1})
    done = list[int]()
    for i in range(5):
        queue.submit("status", "labels", lambda i=i: done.append(i))  # type: ignore[misc]
    wait_for(lambda: done)
    assert done == [4]
    assert queue.stop()


def test_transient_is_tried_again_and_permanent_is_counted() -> None:
    queue = PacedQueue(SystemClock(), settle={})
    tries, lanes = list[int](), list[Lane]()

    def fickle() -> None:
        tries.append(1)
        lanes.append(turn("result").lane)
        if len(tries) < 3:
            raise Transient("502", retry_after=0.02)

    def refused() -> None:
        raise Permanent("no")

    queue.submit("status", "labels", fickle)
    queue.submit("cosmetic", "card", refused)
    assert queue.drain(5)
    assert (len(tries), queue.retried, queue.failed) == (3, 2, 1)
    assert set(lanes) == {"status"}, "writes inside go in the lane they were submitted to"
    assert queue.stop()


def test_stop_flushes_within_its_time_and_says_when_something_is_left() -> None:
    queue = PacedQueue(SystemClock())

    def never() -> None:
        raise Transient("down", retry_after=60)

    queue.submit("status", "labels", never)
    assert queue.stop(timeout=0.2) is False
    assert queue.pending == 0


def test_the_lane_of_a_thread_is_its_own() -> None:
    seen: list[Lane] = []
    with writing_in("cosmetic"):
        other = threading.Thread(target=lambda: seen.append(turn("result").lane))
        other.start()
        other.join()
        seen.append(turn("result").lane)
    seen.append(turn("safety").lane)
    assert seen == ["result", "cosmetic", "safety"]
