"""The model's process as its parent holds it: started when needed, killed when late, started again after a pause."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.adapters.model.wire import MAX_LINE, Ask, BadLine, Endpoint, Told, read_told

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 60.0
_PIECE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Command:
    """How the child is started. `env` is all of its environment."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


class _Broken(Exception):
    """The child ended, was late, or said what is not an answer; the message says which."""


class ModelProcess:
    """One child, asked one question at a time. Not thread-safe; start it from the thread that lives longest."""

    def __init__(self, command: Command, endpoint: Endpoint) -> None:
        self._command = command
        self._endpoint = endpoint
        self._process: subprocess.Popen[bytes] | None = None
        self._pause = FIRST_PAUSE
        self._not_before = 0.0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> bool:
        """Start the child if it does not run and may be started; whether it runs. Raises nothing."""
        if self.pid is not None:
            return True
        self._end()
        if time.monotonic() < self._not_before:
            return False
        try:
            self._process = subprocess.Popen(
                self._command.argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a traceback could hold what it was asked, or the key
                env=dict(self._command.env),
                cwd="/",
                start_new_session=True,
                close_fds=True,
                bufsize=0,
            )
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    os.set_blocking(pipe.fileno(), False)
            self._write(self._endpoint.line(), time.monotonic() + 2.0)
        except (OSError, _Broken):
            self._fail()
            return False
        return True

    def exchange(self, ask: Ask, within: float) -> Told:
        """The child's answer, within `within` seconds; a child that is late or talks nonsense is killed."""
        deadline = time.monotonic() + within
        if not self.start():
            return Told(id=ask.id, why="ended")
        try:
            self._write(ask.line(), deadline)
            told = read_told(self._read_line(deadline))
            if told.id != ask.id:
                raise _Broken("it answers another question")
        except TimeoutError:
            self._fail()
            return Told(id=ask.id, why="late")
        except (OSError, _Broken, BadLine):
            self._fail()
            return Told(id=ask.id, why="ended")
        self._pause = FIRST_PAUSE
        return told

    def stop(self) -> None:
        """End the child. It can be started again."""
        self._end()

    def _write(self, line: bytes, deadline: float) -> None:
        pipe = self._process.stdin if self._process is not None else None
        if pipe is None:
            raise _Broken("it does not run")
        with selectors.DefaultSelector() as ready:
            ready.register(pipe, selectors.EVENT_WRITE)
            left = memoryview(line)
            while left:
                _wait(ready, deadline)
                left = left[os.write(pipe.fileno(), left[:_PIECE]) :]

    def _read_line(self, deadline: float) -> bytes:
        pipe = self._process.stdout if self._process is not None else None
        if pipe is None:
            raise _Broken("it does not run")
        line = b""
        with selectors.DefaultSelector() as ready:
            ready.register(pipe, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                _wait(ready, deadline)
                piece = os.read(pipe.fileno(), _PIECE)
                line += piece
                if not piece or len(line) > MAX_LINE:
                    raise _Broken("it ended" if not piece else "its line is too long")
        return line

    def _fail(self) -> None:
        self._end()
        self._not_before = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _wait(ready: selectors.BaseSelector, deadline: float) -> None:
    if not ready.select(max(deadline - time.monotonic(), 0.0)):
        raise TimeoutError
