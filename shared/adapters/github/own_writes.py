"""What this process wrote a moment ago, for the seconds in which GitHub's lists may not show it yet."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Final

from shared.incident.thread import Comment, Thread
from shared.ports import Clock

KEPT: Final = 60.0
"""Seconds after which a write that no list ever showed is taken for deleted."""


@dataclass(frozen=True, slots=True)
class _Said:
    comment: Comment
    at: float


@dataclass(frozen=True, slots=True)
class _Opened:
    thread: Thread
    at: float


class OwnWrites:
    """Thread-safe. A write is forgotten as soon as GitHub shows it, so a later deletion by a person counts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: dict[int, list[_Said]] = {}
        self._opened: dict[int, _Opened] = {}
        self._lock = threading.Lock()

    def said(self, number: int, comment: Comment) -> None:
        with self._lock:
            self._said.setdefault(number, []).append(_Said(comment, self._clock.monotonic()))

    def opened(self, thread: Thread) -> None:
        with self._lock:
            self._opened[thread.number] = _Opened(thread, self._clock.monotonic())

    def turned(self, number: int, *, closed: bool) -> None:
        """Issue `number` was closed or reopened."""
        with self._lock:
            if number in self._opened:
                mine = self._opened[number]
                self._opened[number] = replace(mine, thread=replace(mine.thread, closed=closed))

    def unseen(self, number: int) -> Thread | None:
        """The issue this process opened, if GitHub has not shown it yet."""
        with self._lock:
            mine = self._opened.get(number)
        return mine.thread if mine is not None and self._fresh(mine.at) else None

    def with_comments(self, number: int, shown: tuple[Comment, ...]) -> tuple[Comment, ...]:
        """`shown` and the comments of this process that it lacks."""
        with self._lock:
            mine = self._said.get(number)
            if not mine:
                return shown
            ids = {comment.id for comment in shown}
            missing = [said for said in mine if said.comment.id not in ids and self._fresh(said.at)]
            if missing:
                self._said[number] = missing
            else:
                del self._said[number]
        return (*shown, *(said.comment for said in missing))

    def with_issues(self, shown: tuple[Thread, ...], *, open_only: bool) -> tuple[Thread, ...]:
        """`shown` and the issues this process opened that it lacks."""
        with self._lock:
            if not self._opened:
                return shown
            numbers = {thread.number for thread in shown}
            kept = {n: o for n, o in self._opened.items() if n not in numbers and self._fresh(o.at)}
            self._opened = kept
            missing = [o.thread for o in kept.values() if not (open_only and o.thread.closed)]
        return (*shown, *missing)

    def shown(self, thread: Thread) -> None:
        """GitHub shows the issue itself as it is now; lists may still lack it."""
        with self._lock:
            mine = self._opened.get(thread.number)
            if mine is not None:
                self._opened[thread.number] = replace(mine, thread=thread)

    def _fresh(self, at: float) -> bool:
        return self._clock.monotonic() - at < KEPT
