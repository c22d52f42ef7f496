"""Waiting to be asked to end. `Event.set` in a handler will not do: a signal just before the wait would be lost."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable


def asked_to_end() -> Callable[[], None]:
    """From now on SIGTERM and SIGINT are taken note of; what is returned waits for one. For the main thread only.

    The interpreter runs handlers between two instructions, so one that was put off until after a wait for a lock began
    runs when that wait is over. The byte it writes at once (signal.set_wakeup_fd) is there for the wait to read.
    """
    ear, bell = socket.socketpair()
    bell.setblocking(False)
    signal.set_wakeup_fd(bell.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    def wait() -> None:
        with ear, bell:
            ear.recv(1)
            signal.set_wakeup_fd(-1)

    return wait
