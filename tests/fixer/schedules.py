"""Every schedule of several actors over real code: one thread each, one of them running at a time, crashes included.

An actor runs until its next step; there the schedule decides who goes on, or that the actor dies and is started again.
`explore` is a depth-first search over those decisions by replaying prefixes (stateless model checking).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.fixer.world import SimulatedCrash


@dataclass
class _Actor:
    body: Callable[[], None]
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    doomed: bool = False
    finished: bool = False
    waiting: bool = False
    error: BaseException | None = None


class Stage:
    """Runs actors by a schedule. `step` is called by the code under test, in the actor's own thread."""

    def __init__(self, choices: list[int], crashes: int) -> None:
        self.choices = choices
        self.taken: list[tuple[int, int]] = []
        """(choice, number of options) for each decision made."""
        self._crashes = crashes
        self._actors: list[_Actor] = []
        self._back = threading.Semaphore(0)
        self._local = threading.local()

    def alone(self) -> None:
        """Nobody else gets a turn before the next `wake`."""
        for actor in self._actors:
            actor.waiting = actor is not self._local.actor

    def wake(self) -> None:
        """Whoever waits may try again."""
        for actor in self._actors:
            actor.waiting = False

    def step(self, *, waiting: bool = False) -> None:
        """Give the turn away; `waiting`: nothing can change for this actor before somebody calls `wake`."""
        actor: _Actor = self._local.actor
        actor.waiting = waiting
        self._back.release()
        actor.go.acquire()
        if actor.doomed:
            actor.doomed = False
            raise SimulatedCrash

    def run(self, bodies: list[Callable[[], None]]) -> None:
        self._actors = [_Actor(body) for body in bodies]
        threads = [threading.Thread(target=self._live, args=(a,), daemon=True) for a in self._actors]
        for thread in threads:
            thread.start()
        last: _Actor | None = None
        while alive := [a for a in self._actors if not a.finished]:
            ready = [a for a in alive if not a.waiting] or alive
            ready.sort(key=lambda a: a is not last)  # going on without a switch is choice 0
            options = [(a, False) for a in ready]
            if self._crashes and last is not None and not last.finished and not last.waiting:
                options.append((last, True))
            actor, dies = options[self._choose(len(options))]
            if dies:
                self._crashes -= 1
                actor.doomed = True
            last = actor
            actor.go.release()
            self._back.acquire()
        for thread in threads:
            thread.join()
        for actor in self._actors:
            if actor.error is not None:
                raise actor.error

    def _choose(self, options: int) -> int:
        made = len(self.taken)
        choice = self.choices[made] if made < len(self.choices) else 0
        self.taken.append((choice, options))
        return choice

    def _live(self, actor: _Actor) -> None:
        self._local.actor = actor
        actor.go.acquire()
        while True:
            try:
                actor.body()
                break
            except SimulatedCrash:
                continue  # started again
            except BaseException as error:  # noqa: BLE001 - handed to the test's thread
                actor.error = error
                break
        actor.finished = True
        self._back.release()


def explore(run: Callable[[list[int]], list[tuple[int, int]]]) -> Iterator[list[int]]:
    """Call `run(choices)` for every schedule; it returns the decisions it took. Yields each complete schedule."""
    choices: list[int] = []
    while True:
        taken = run(choices)
        yield [choice for choice, _ in taken]
        while taken and taken[-1][0] + 1 >= taken[-1][1]:
            taken.pop()
        if not taken:
            return
        choices = [choice for choice, _ in taken[:-1]] + [taken[-1][0] + 1]
