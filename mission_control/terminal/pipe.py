"""A reader that has gone: `status | head -1` ends as Unix tools do, by SIGPIPE (141 to a shell), without a word.

Python ignores that signal, and it must stay so: a server that hangs up would end the whole program. So the end is made
here, once it is known that the pipe is the one of stdout or stderr.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ends_with_its_reader() -> Iterator[None]:
    """Around a whole program: what it prints is read to the end, or it ends with its reader. Other pipes are others'
    business: their BrokenPipeError is raised."""
    try:
        try:
            yield
        except SystemExit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except BrokenPipeError:
        if not any(_has_gone(descriptor) for descriptor in (1, 2)):
            raise
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
        raise  # whoever started this has blocked the signal


def _has_gone(descriptor: int) -> bool:
    """Whether nobody will ever read what is written there."""
    asked = select.poll()
    asked.register(descriptor, 0)
    return any(found & (select.POLLERR | select.POLLHUP) for _, found in asked.poll(0))
