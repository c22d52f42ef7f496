"""One write budget per GitHub account for all processes of this host: short bursts pass, sustained storms are paced.

GitHub's own limits are 80 creations a minute, 500 an hour and 900 points a minute at 5 a write
(https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api, secondary limits); ours are lower.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import structlog

from shared.ports import Clock, Lane, Transient

_log = structlog.get_logger()
Kind = Literal["creations", "mutations"]


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` writes of a kind in any `seconds`."""

    kind: Kind
    seconds: float
    limit: int

    def share(self, lane: Lane) -> int:
        """How full a lane may make the window: the rest is kept for the lanes above it."""
        match lane:
            case "safety":
                return self.limit
            case "result":
                return max(self.limit - 6, 1)
            case "status":
                return max(self.limit * 2 // 3, 1)
            case "cosmetic":
                return max(self.limit // 2, 1)


WINDOWS: Final = (
    Window("creations", 60, 60),
    Window("creations", 3600, 400),
    Window("mutations", 60, 150),
)
Spent = dict[Kind, list[float]]


class WriteBudget:
    """Sliding windows in `folder`/write-budget-<account>.json under flock; safe among threads and processes.

    Stamps are wall-clock seconds. A stamp from the future (the clock was set back) counts as now, so it is never
    forgotten late; a clock set forward forgets early, which the distance to GitHub's limits absorbs once.
    """

    def __init__(
        self,
        folder: Path,
        account: str | Callable[[], str],
        clock: Clock,
        *,
        sleep: Callable[[float], None] = time.sleep,
        patience: float = 5.0,
        windows: tuple[Window, ...] = WINDOWS,
    ) -> None:
        """`account` names whose budget it is (or finds it out, when first needed, and may raise Transient).

        `patience` (s) is how long `acquire` waits at most.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._account = account
        self._clock = clock
        self._sleep = sleep
        self._patience = patience
        self._windows = windows

    def acquire(self, lane: Lane, creates: bool, patience: float | None = None) -> None:
        """Take one write out of the budget, waiting for it. Raises Transient when the wait would be too long."""
        left = self._patience if patience is None else patience
        while True:
            wait = self._take(lane, creates)
            if wait <= 0:
                return
            if wait > left:
                raise Transient(f"the write budget of lane {lane} is spent for {wait:.1f} s", retry_after=wait)
            pause = min(wait, 1.0)
            self._sleep(pause)
            left -= pause

    @cached_property
    def _file(self) -> Path:
        account = self._account if isinstance(self._account, str) else self._account()
        return self._folder / f"write-budget-{digest(account)}.json"

    def left(self, lane: Lane = "result") -> int:
        """How many creations `lane` may do at this moment."""
        with self._locked():
            spent = self._read(self._clock.now().timestamp())
        now = self._clock.now().timestamp()
        return min(
            max(window.share(lane) - _within(spent["creations"], window, now), 0)
            for window in self._windows
            if window.kind == "creations"
        )

    def spent(self) -> tuple[tuple[Window, int], ...]:
        """Each window with the writes of this account that fall into it, as far as processes of this host made them."""
        with self._locked():
            now = self._clock.now().timestamp()
            spent = self._read(now)
        return tuple((window, _within(spent[window.kind], window, now)) for window in self._windows)

    def _take(self, lane: Lane, creates: bool) -> float:
        """0 when taken, else the seconds until it may be."""
        with self._locked():
            now = self._clock.now().timestamp()
            spent = self._read(now)
            kinds: tuple[Kind, ...] = ("mutations", "creations") if creates else ("mutations",)
            wait = max((_wait(spent[w.kind], w, lane, now) for w in self._windows if w.kind in kinds), default=0.0)
            if wait > 0:
                return wait
            for kind in kinds:
                spent[kind].append(now)
            self._write(spent)
            return 0.0

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _read(self, now: float) -> Spent:
        spent: Spent = {"creations": [], "mutations": []}
        future = False
        try:
            raw = json.loads(self._file.read_text(encoding="utf-8"))
            for kind in spent:
                longest = max((w.seconds for w in self._windows if w.kind == kind), default=0.0)
                stamps = [float(at) for at in raw[kind]]
                future = future or any(at > now for at in stamps)
                spent[kind] = sorted(min(at, now) for at in stamps if at > now - longest)
            if future:  # kept as now, so that they age from here on
                self._write(spent)
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError) as error:
            _log.warning("the write budget was unreadable and starts anew", file=str(self._file), why=repr(error))
            spent = {"creations": [], "mutations": []}
        return spent

    def _write(self, spent: Spent) -> None:
        part = self._file.with_suffix(".part")
        part.write_text(
            json.dumps({kind: [math.floor(at * 1000) / 1000 for at in spent[kind]] for kind in spent}), encoding="utf-8"
        )
        part.replace(self._file)


def digest(account: str) -> str:
    """A file-name part for an account."""
    return hashlib.sha256(account.encode()).hexdigest()[:16]


def _within(stamps: list[float], window: Window, now: float) -> int:
    return sum(at > now - window.seconds for at in stamps)


def _wait(stamps: list[float], window: Window, lane: Lane, now: float) -> float:
    inside = [at for at in stamps if at > now - window.seconds]
    allowed = window.share(lane)
    if len(inside) < allowed:
        return 0.0
    # when this one has left the window, `allowed - 1` are inside
    return max(inside[len(inside) - allowed] + window.seconds - now, 0.001)
