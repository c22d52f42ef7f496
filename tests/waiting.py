"""Waiting for a condition, for every test that has to: never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Literal, TypeVar

T = TypeVar("T")
FIRST_PAUSE: Final = 0.005


def wait_for(
    ask: Callable[[], T | Literal[False] | None],
    seconds: float = 15.0,
    what: str | Callable[[], str] = "what was waited for",
    every: float = 0.05,
) -> T:
    """The first true answer of `ask`, asked soon and then every so many seconds. AssertionError after `seconds`.

    `what` may be asked for when it did not come: what is in the way is known only then.
    """
    deadline, pause = time.monotonic() + seconds, min(FIRST_PAUSE, every)
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what if isinstance(what, str) else what()}"
        time.sleep(pause)
        pause = min(2 * pause, every)
    return answer
