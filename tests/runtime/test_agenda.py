"""The agenda: who is due, when, and never twice at once."""

from __future__ import annotations

import threading

from shared.runtime.agenda import Agenda


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def test_a_woken_incident_is_due_at_once() -> None:
    agenda = Agenda()
    agenda.wake(3)
    assert agenda.take(1.0) == (3,)


def test_an_incident_under_way_is_not_handed_out_again_but_its_wakeup_is_kept() -> None:
    agenda = Agenda()
    agenda.wake(3)
    agenda.take(0.0)
    agenda.wake(3)
    assert agenda.take(0.0) == ()
    agenda.done(3)
    assert agenda.take(0.0) == (3,)


def test_the_earlier_of_two_deadlines_holds() -> None:
    hand = Hand()
    agenda = Agenda(hand)
    agenda.after(1, 10.0)
    agenda.after(1, 99.0)
    hand.time = 10.0
    assert agenda.take(0.0) == (1,)
    hand.time = 99.0
    assert agenda.take(0.0) == ()


def test_a_poke_ends_the_wait_with_nothing_due() -> None:
    agenda = Agenda()
    taken: list[tuple[int, ...]] = []
    thread = threading.Thread(target=lambda: taken.append(agenda.take(30.0)))
    thread.start()
    agenda.poke()
    thread.join(5.0)
    assert taken == [()]
