"""A thread that runs one call after another for somebody who must not block."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait


class Hand:
    """A daemon thread: a handler that never returns cannot keep the process from ending."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[tuple[Callable[[], None], Future[None]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def give(self, job: Callable[[], None]) -> Future[None]:
        """Run `job` when those before it are done. The future holds its end, or what it raised."""
        outcome: Future[None] = Future()
        self._jobs.put((job, outcome))
        return outcome

    def wait(self, outcome: Future[None], seconds: float) -> None:
        """Return when the job is done or the time is up."""
        wait([outcome], timeout=seconds)

    def close(self) -> None:
        """End after the jobs given so far."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, outcome = item
            try:
                job()
            except BaseException as error:  # noqa: BLE001  handed over whole: `outcome.result()` raises it again
                outcome.set_exception(error)
            else:
                outcome.set_result(None)
