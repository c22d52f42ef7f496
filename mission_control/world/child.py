"""One supervised process: what to start, where it stands, and its two files (answer on stdout, log on stderr)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

LEASH: Final = Path(__file__).with_name("leash.py")
MAX_LOG: Final = 4 * 1024 * 1024
"""Bytes a log may grow to before it is moved to NAME.log.1, of which there is one."""
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 10.0
FORGIVEN_AFTER: Final = 30.0
"""Seconds a process must live for its earlier deaths to be forgotten."""


class State(StrEnum):
    """Where a process stands."""

    STARTING = "starting"
    UP = "up"
    WAITING = "waiting"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `ready_line`: it says on stdout, in one line of JSON, when it can be used."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    ready_line: bool = False
    ready_within: float = 20.0
    """Seconds after which a process that has not said so counts as failed."""
    awaited: bool = True
    """Whether those who start it wait until it is up. Nothing may need what is not awaited."""


@dataclass(slots=True)
class Child:
    """A program and its present process. Times are `time.monotonic()` seconds."""

    program: Program
    folder: Path
    state: State = State.STOPPED
    process: subprocess.Popen[bytes] | None = None
    ready: dict[str, Any] = field(default_factory=dict)
    """The first ready line. An address once given is kept: a process that comes back elsewhere is started again."""
    restarts: int = 0
    started_at: float = 0.0
    start_again_at: float = 0.0
    pause: float = FIRST_PAUSE
    last_end: str = ""
    """How the last process ended, in words."""

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.state in (State.STARTING, State.UP) else None

    @property
    def log_file(self) -> Path:
        return self.folder / f"{self.program.name}.log"

    @property
    def _answer_file(self) -> Path:
        return self.folder / f"{self.program.name}.out"

    def start(self) -> None:
        """Start the process in a session of its own, bound to the life of this one. Raises OSError."""
        self.bound_log()
        argv = (sys.executable, "-S", str(LEASH), str(os.getpid()), *self.program.argv)
        with self._answer_file.open("wb") as answer, self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=log,
                env=dict(self.program.env),
                start_new_session=True,
            )
        self.started_at = time.monotonic()
        self.state = State.STARTING if self.program.ready_line else State.UP

    def step(self) -> bool:
        """Look once and do what is due (notice death, readiness, a due restart); True when something changed."""
        now = time.monotonic()
        if self.state is State.STOPPED:
            return False
        if self.state is State.WAITING:
            if now < self.start_again_at:
                return False
            self.restarts += 1
            self.start()
            return True
        if self.process is not None and self.process.poll() is not None:
            self._died(now, _ending(self.process.returncode))
            return True
        if self.state is State.STARTING:
            return self._await_ready(now)
        return False

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and everything in its group; gone is fine."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return

    def bound_log(self) -> None:
        """Keep the log within `MAX_LOG`. It is open in append mode, so a truncated file goes on at its start."""
        if self.log_file.exists() and self.log_file.stat().st_size > MAX_LOG:
            self.log_file.with_suffix(".log.1").write_bytes(self.log_file.read_bytes())
            os.truncate(self.log_file, 0)

    def last_words(self, lines: int = 5) -> str:
        """The end of its log."""
        if not self.log_file.exists():
            return ""
        with self.log_file.open("rb") as log:
            log.seek(max(0, self.log_file.stat().st_size - 8192))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    def _await_ready(self, now: float) -> bool:
        line, newline, _ = self._answer_file.read_bytes().partition(b"\n")
        if newline:
            return self._said(now, line)
        if now - self.started_at > self.program.ready_within:
            self._give_up(now, f"was not ready within {self.program.ready_within:g} s")
            return True
        return False

    def _said(self, now: float, line: bytes) -> bool:
        try:
            said = json.loads(line)
        except ValueError:
            said = None
        if not isinstance(said, dict) or not said.get("ready"):
            self._give_up(now, f"said {line[:80]!r} instead of being ready")
            return True
        address = {key: value for key, value in said.items() if key != "pid"}
        if self.ready and address != self.ready:
            self._give_up(now, f"came back at {address}, not at {self.ready}")
            return True
        self.ready = address
        self.state = State.UP
        return True

    def _give_up(self, now: float, why: str) -> None:
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        self._died(now, why)

    def _died(self, now: float, why: str) -> None:
        self.signal(signal.SIGKILL)  # what is left of its group
        self.last_end = why
        if now - self.started_at > FORGIVEN_AFTER:
            self.pause = FIRST_PAUSE
        self.start_again_at = now + self.pause
        self.pause = min(self.pause * 2, LONGEST_PAUSE)
        self.state = State.WAITING


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit {code}"
    return f"killed by {signal.Signals(-code).name}" if -code in set(signal.Signals) else f"killed by signal {-code}"
