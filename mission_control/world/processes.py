"""The supervisor: starts processes, keeps them alive, stops them in reverse order, leaves nothing behind.

Single-threaded on purpose: call `step` from the main thread about ten times a second. Processes die with the thread
that started them (see leash.py), so a kill -9 of the supervisor takes them along.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from mission_control.world.child import Child, Program, State

log = logging.getLogger("mission_control.world.processes")

STOP_WITHIN: Final = 10.0
"""Seconds from SIGTERM to SIGKILL."""
_TICK: Final = 0.02


class NotStarted(Exception):
    """A process could not be brought up; the message carries the end of its log."""


class Supervisor:
    """Processes in the order in which they were started. `changed` is called after each change of a pid or state."""

    def __init__(self, folder: Path, changed: Callable[[], None] = lambda: None) -> None:
        self.children: dict[str, Child] = {}
        self._folder = folder
        self._changed = changed
        self.hurry = False
        """Set from a signal handler: stop waiting, kill."""
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, programs: Iterable[Program], within: float = 30.0) -> None:
        """Start programs together and wait until all that are awaited are up. Raises NotStarted."""
        started = []
        for program in programs:
            child = Child(program, self._folder)
            self.children[program.name] = child
            child.start()
            started.append(child)
        deadline = time.monotonic() + within
        while waiting := [child for child in started if child.program.awaited and child.state is not State.UP]:
            self.step()
            if time.monotonic() > deadline:
                child = waiting[0]
                raise NotStarted(f"{child.program.name} did not start ({child.last_end}): {child.last_words()}")
            time.sleep(_TICK)
        self._changed()

    def step(self) -> None:
        """Notice what died or became ready, start again what is due."""
        changed = False
        for child in self.children.values():
            before = child.state
            if not child.step():
                continue
            changed = True
            if child.state is State.WAITING:
                pause = child.start_again_at - time.monotonic()
                log.warning("%s: %s; starting again in %.1f s", child.program.name, child.last_end, pause)
                if child.last_end == "exit 2":  # it says what is wrong with its settings
                    log.warning("%s: %s", child.program.name, child.last_words(1))
            elif before is State.WAITING:
                log.info("%s: started again with pid %s", child.program.name, child.pid)
        if changed:
            self._changed()

    def tidy(self) -> None:
        """Keep every log within its bound."""
        for child in self.children.values():
            child.bound_log()

    def stop(self, names: Iterable[str] | None = None, within: float = STOP_WITHIN) -> None:
        """Stop these (default: all) together: SIGTERM, then SIGKILL to what is left after `within` seconds."""
        stopping = [self.children[name] for name in (self.children if names is None else names)]
        processes = [(child, child.process) for child in stopping if child.pid is not None and child.process]
        for child in stopping:
            child.state = State.STOPPED
        for child, process in processes:
            if process.poll() is None:
                child.signal(signal.SIGTERM)
        deadline = time.monotonic() + within
        while (
            time.monotonic() < deadline and not self.hurry and any(process.poll() is None for _, process in processes)
        ):
            time.sleep(_TICK)
        for child, process in processes:
            if process.poll() is None:
                log.warning("%s did not stop within %.0f s: killed", child.program.name, within)
            child.signal(signal.SIGKILL)
            process.wait()
        self._changed()

    def kill(self) -> None:
        """End everything now."""
        self.stop(within=0.0)

    def pids(self) -> dict[str, int]:
        """Name to pid of what runs."""
        return {name: child.pid for name, child in self.children.items() if child.pid is not None}


def environment(marker: Path, **variables: str | None) -> dict[str, str]:
    """What a process of this state folder is started with: what programs need from the system, then `variables`.

    Nothing else of the user's environment is handed on. `marker`, the state folder, makes the processes findable.
    This machine itself is never reached through a proxy.
    """
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
    base = {key: os.environ[key] for key in (*kept, *proxies) if key in os.environ}
    for name in ("NO_PROXY", "no_proxy"):
        base[name] = ",".join(filter(None, (base.get(name), "127.0.0.1,localhost")))
    return base | {"SRE_SPACE_UP": str(marker)} | {key: value for key, value in variables.items() if value is not None}
