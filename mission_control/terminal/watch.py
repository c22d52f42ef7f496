"""`watch [N]`: a screen that follows every open incident, or one with its facts as they come; lines without a terminal.

It only reads, and only asks for what has changed. When GitHub or the world goes away it says so and goes on when they
are back; Ctrl-C ends it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from mission_control.exits import Exit
from mission_control.github import GithubSaysNo
from mission_control.running import target
from mission_control.settings import Settings
from mission_control.terminal.console import can_redraw, console
from mission_control.terminal.follow import AllOpen, Board, OneIssue, keyring_of
from mission_control.terminal.say import NoIncident
from mission_control.terminal.tape import Tape, is_over
from mission_control.world.record import NotRunning

if TYPE_CHECKING:
    from rich.live import Live

EVERY: Final = 1.0
"""Seconds between two looks at GitHub."""
REDRAW: Final = 0.25
"""Seconds between two drawings of the screen, for ages."""

Look = Callable[[], Board | None]


def watch(settings: Settings, number: int | None, plain: bool, as_json: bool) -> Exit:
    """Follow until issue `number` is closed, or for ever: Ctrl-C is a KeyboardInterrupt, with the terminal as it was.

    Raises GithubSaysNo, NotRunning, BadSettings or NoIncident at the first look; later it tries again.
    """
    eye = _Eye(settings, number)
    board = eye.first()
    if number is not None and not board.logs[0][1].is_incident:
        raise NoIncident(f"#{number} is not an incident: no fact of the fleet stands there")
    live = can_redraw() and not plain and not as_json
    with _Screen(number) if live else nullcontext(_Lines(number, as_json)) as show:
        show.board(board, None)
        while not (number is not None and is_over(board.logs[0][1])):
            show.rest(EVERY)
            board = eye.next() or board
            show.board(board, eye.trouble)
    if live and number is not None:
        sys.stdout.write(f"#{number} is closed\n")
    return Exit.OK


class _Eye:
    """Looks, and finds its way back: after a trouble the world may run at another address, with other tokens."""

    def __init__(self, settings: Settings, number: int | None) -> None:
        self._settings, self._number = settings, number
        self._look: Look | None = None
        self.trouble: str | None = None

    def first(self) -> Board:
        """Raises GithubSaysNo, NotRunning or BadSettings."""
        self._look = self._open()
        return self._look() or Board()

    def next(self) -> Board | None:
        """None when nothing has changed, or nothing could be seen: then `trouble` says why."""
        try:
            self._look = self._look or self._open()
            board = self._look()
        except (GithubSaysNo, NotRunning) as no:
            self._look, self.trouble = None, str(no)
            return None
        self.trouble = None
        return board

    def _open(self) -> Look:
        at = target(self._settings)
        if self._number is None:
            return AllOpen(at.repository, keyring_of(at)).look
        return OneIssue(at.repository, keyring_of(at), self._number).board


class _Show(Protocol):
    def board(self, board: Board, trouble: str | None) -> None: ...
    def rest(self, seconds: float) -> None: ...


class _Lines:
    """Each new fact as a line, or as a JSON document in a line."""

    def __init__(self, number: int | None, as_json: bool) -> None:
        self._tape, self._details, self._as_json = Tape(), number is not None, as_json
        self._pause = threading.Event()

    def board(self, board: Board, trouble: str | None) -> None:
        for event in (*self._tape.about(trouble), *self._tape.of(board)):
            lines = [event.json_line()] if self._as_json else event.lines(self._details)
            sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()

    def rest(self, seconds: float) -> None:
        self._pause.wait(seconds)


class _Screen(AbstractContextManager["_Screen"]):
    """The whole screen, drawn again and again; the terminal is as it was when it ends."""

    def __init__(self, number: int | None) -> None:
        self._number = number
        self._board, self._trouble = Board(), ""
        self._console = console()
        self._pause = threading.Event()
        self._live: Live | None = None

    def __enter__(self) -> _Screen:
        from rich.live import Live

        self._live = Live(auto_refresh=False, screen=True, console=self._console, vertical_overflow="crop")
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def board(self, board: Board, trouble: str | None) -> None:
        self._board, self._trouble = board, trouble or ""
        self._draw()

    def rest(self, seconds: float) -> None:
        for _ in range(max(round(seconds / REDRAW), 1)):
            self._pause.wait(REDRAW)
            self._draw()

    def _draw(self) -> None:
        from mission_control.terminal.screen import all_screen, one_screen

        if self._live is None:
            return
        now, height = datetime.now(UTC), self._console.size.height
        if self._number is None:
            self._live.update(all_screen(self._board, now, self._trouble, height), refresh=True)
        else:
            self._live.update(one_screen(self._board.logs[0][1], now, self._trouble, height), refresh=True)
