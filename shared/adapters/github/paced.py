"""Writes that may lag behind the log (labels, status cards): one background thread, the newest of a key wins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from shared.adapters.github.lanes import writing_in
from shared.ports import Clock, Lane, Permanent, Transient

_log = structlog.get_logger()
_ORDER: Final[dict[Lane, int]] = {"safety": 0, "result": 1, "status": 2, "cosmetic": 3}
_FIRST_RETRY: Final = 0.5
_LAST_RETRY: Final = 60.0
SETTLE: Final[Mapping[Lane, float]] = {"status": 0.3, "cosmetic": 1.0}
"""Seconds a work waits first: changes that follow each other closely, also of sibling processes, become one write."""
_MOST: Final = 10_000
"""Keys that may wait; the least important is dropped (and counted) beyond it."""


@dataclass(slots=True)
class _Item:
    lane: Lane
    key: str
    work: Callable[[], None]
    turn: int
    due: float = 0.0
    failures: int = 0


class PacedQueue:
    """Thread-safe. Fulfils the projector's `Later`. Transient failures are tried again, Permanent ones are logged."""

    def __init__(self, clock: Clock, *, settle: Mapping[Lane, float] = SETTLE) -> None:
        """`settle`: seconds by lane before a work is done; none for a lane that is not named."""
        self._clock = clock
        self._settle = settle
        self._items: dict[str, _Item] = {}
        self._change = threading.Condition()
        self._turns = 0
        self._working = False
        self._stopped = False
        self._bug: BaseException | None = None
        self.failed = 0
        """Writes given up: refused by GitHub, or dropped because too many waited."""
        self.retried = 0
        self._thread = threading.Thread(target=self._run, name="paced-writes", daemon=True)
        self._thread.start()

    def submit(self, lane: Lane, key: str, work: Callable[[], None]) -> None:
        """Do `work` soon, in `lane`, instead of what still waits under `key`. Raises our bug if a work had one."""
        with self._change:
            if self._bug is not None:
                raise self._bug
            if self._stopped:
                return
            self._turns += 1
            old = self._items.get(key)
            due = old.due if old else self._clock.monotonic() + self._settle.get(lane, 0.0)
            self._items[key] = _Item(lane, key, work, old.turn if old else self._turns, due)
            if len(self._items) > _MOST:
                least = max(self._items.values(), key=_rank)
                del self._items[least.key]
                self.failed += 1
            self._change.notify_all()

    @property
    def pending(self) -> int:
        """Works that wait or run."""
        with self._change:
            return len(self._items) + self._working

    def drain(self, timeout: float) -> bool:
        """Do what waits, now, and wait up to `timeout` seconds for it. True when all was done."""
        deadline = self._clock.monotonic() + timeout
        with self._change:
            for item in self._items.values():
                if item.failures == 0:
                    item.due = self._clock.monotonic()
            self._change.notify_all()
            while (self._items or self._working) and self._bug is None:
                left = deadline - self._clock.monotonic()
                if left <= 0:
                    return False
                self._change.wait(left)
            return self._bug is None

    def stop(self, timeout: float = 5.0) -> bool:
        """Flush for at most `timeout` seconds, then end. False when something was left undone: labels heal later."""
        done = self.drain(timeout)
        with self._change:
            if self._items:
                _log.warning("paced writes left undone", keys=sorted(self._items)[:20], count=len(self._items))
            self._stopped = True
            self._items.clear()
            self._change.notify_all()
        self._thread.join(timeout=1.0)
        return done

    def _run(self) -> None:
        try:
            while (item := self._next()) is not None:
                self._do(item)
        except BaseException as bug:
            with self._change:
                self._bug = bug
                self._working = False
                self._change.notify_all()
            raise

    def _next(self) -> _Item | None:
        with self._change:
            self._working = False
            self._change.notify_all()
            while not self._stopped:
                now = self._clock.monotonic()
                due = [item for item in self._items.values() if item.due <= now]
                if due:
                    item = min(due, key=_rank)
                    del self._items[item.key]
                    self._working = True
                    return item
                soonest = min((item.due for item in self._items.values()), default=now + 60.0)
                self._change.wait(max(soonest - now, 0.001))
            return None

    def _do(self, item: _Item) -> None:
        try:
            with writing_in(item.lane, patience=0.0):
                item.work()
        except Transient as failure:
            self._again(item, failure)
        except Permanent as refusal:
            self.failed += 1
            _log.error("paced write refused", key=item.key, lane=item.lane, why=str(refusal))

    def _again(self, item: _Item, failure: Transient) -> None:
        item.failures += 1
        delay = failure.retry_after or min(_FIRST_RETRY * 2.0 ** (item.failures - 1), _LAST_RETRY)
        self.retried += 1
        _log.info("paced write later", key=item.key, lane=item.lane, delay_s=round(delay, 1), why=str(failure))
        with self._change:
            newer = self._items.get(item.key)
            item.due = self._clock.monotonic() + delay
            if newer is None:
                self._items[item.key] = item
            else:
                newer.due = item.due


def _rank(item: _Item) -> tuple[int, int]:
    return _ORDER[item.lane], item.turn
