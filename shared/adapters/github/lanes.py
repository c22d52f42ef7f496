"""Which lane the writes of the current thread go in, and how long they may wait for their turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from shared.ports import Lane


@dataclass(frozen=True, slots=True)
class Turn:
    """A lane, and the longest wait (s) for its turn before Transient is raised; None: the budget's own."""

    lane: Lane
    patience: float | None = None


_turn: ContextVar[Turn | None] = ContextVar("github_turn", default=None)


@contextmanager
def writing_in(lane: Lane, patience: float | None = None) -> Iterator[None]:
    """Writes inside go in `lane`, whatever their own default."""
    token = _turn.set(Turn(lane, patience))
    try:
        yield
    finally:
        _turn.reset(token)


def turn(default: Lane) -> Turn:
    """The turn of a write that would go in `default` when nothing else was said."""
    return _turn.get() or Turn(default)
