"""The terminal itself: whether it is one, its console, and progress on stderr. NO_COLOR and TERM=dumb are honoured.

rich reads both (https://no-color.org); nothing else here looks at the environment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from rich.console import Console

Tell = Callable[[int, int], None]
"""Called with (done, all) as something goes on."""
PIPE_WIDTH: Final = 500
"""Columns where there is no terminal: nothing is cut that a program may want."""


def console(out: TextIO | None = None) -> Console:
    """For tables and coloured words on stdout (or `out`); plain text where that is no terminal."""
    from mission_control.terminal.drawn import Drawn

    stream = out or sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Drawn(file=stream, width=width, highlight=False, markup=False, emoji=False)


def can_redraw(out: TextIO | None = None) -> bool:
    """Whether a screen may be drawn again and again: on a terminal that is not dumb."""
    stream = out or sys.stdout
    return stream.isatty() and not console(stream).is_dumb_terminal


@contextmanager
def progress(what: str) -> Iterator[Tell]:
    """Says on stderr that `what` goes on; the function it gives takes (done, all). Without a terminal: nothing.

    Lines that are written to stdout meanwhile stand above it, on the same terminal; a stdout that is a file or a pipe
    gets them untouched.
    """
    if not can_redraw(sys.stderr):
        yield lambda _done, _of: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    above = sys.stdout.isatty()
    with Progress(*columns, console=console(sys.stderr), transient=True, redirect_stdout=above) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
