"""What is read of a long time back: once before it is needed, then beside the work."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest

from shared.incident.replay import Incident
from shared.ports import Transient
from shared.runtime.horizon import STALE_S, Horizon
from shared.testing.clock import VirtualClock
from tests.waiting import wait_for


class Past:
    def __init__(self) -> None:
        self.reads = 0
        self.down = False
        self.go_on = threading.Event()
        self.go_on.set()

    def recent(self, window: timedelta, besides: int = 0) -> tuple[Incident, ...]:
        self.go_on.wait(10)
        if self.down:
            raise Transient("GitHub is away")
        self.reads += 1
        return (Incident("o/r", self.reads, "u"),)

    def named(self, numbers: Sequence[int]) -> tuple[Incident, ...]:
        return ()


def test_the_first_asks_and_later_ones_get_what_is_known_while_it_is_read_again() -> None:
    past, clock = Past(), VirtualClock()
    horizon = Horizon(past, timedelta(days=30), clock)
    assert [i.number for i in horizon()] == [1]
    assert [i.number for i in horizon()] == [1]
    assert past.reads == 1
    clock.advance(STALE_S + 1)
    past.go_on.clear()
    assert [i.number for i in horizon()] == [1], "it does not wait"
    past.go_on.set()
    wait_for(lambda: [i.number for i in horizon()] == [2], 10, "it was read again")
    horizon.close()


def test_what_could_not_be_read_is_said_and_tried_again() -> None:
    past, clock = Past(), VirtualClock()
    past.down = True
    horizon = Horizon(past, timedelta(days=30), clock)
    for _ in range(2):
        with pytest.raises(Transient):
            horizon()
    past.down = False
    assert [i.number for i in horizon()] == [1]
    horizon.close()
