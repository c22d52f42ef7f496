"""The engine's side of the warden: start a process, signal it, hear of its exit."""

from __future__ import annotations

import itertools
import json
import logging
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded.engine.warden import COOKIE

log = logging.getLogger("engine.launcher")
OnExit = Callable[[int], None]
"""Called once, on the launcher's dispatching thread, with the exit code (128 + signal when killed)."""


class LaunchError(Exception):
    """The process could not be started: the command or its working directory is missing or not executable."""


@dataclass(frozen=True, slots=True)
class Process:
    """A started process: its host pid, and the tag it is signalled by (never the pid, which may be reused)."""

    tag: int
    pid: int


class Launcher:
    """Starts the warden, and again should it die (its children died with it and are reported as 137)."""

    def __init__(self) -> None:
        self._tags = itertools.count(1)
        self._request = threading.Lock()
        self._waiting: dict[int, OnExit] = {}
        self._waiting_lock = threading.Lock()
        self._exits: queue.SimpleQueue[tuple[OnExit, int] | None] = queue.SimpleQueue()
        self._closed = False
        self._open_warden()
        threading.Thread(target=self._dispatch, name="exits", daemon=True).start()

    def start(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: str, cookie: str, out: int, err: int, on_exit: OnExit
    ) -> Process:
        """Run argv in its own session with stdout and stderr on the descriptors given (which stay the caller's).

        Raises LaunchError. `on_exit` may be called before this returns.
        """
        tag = next(self._tags)
        message = {"op": "spawn", "tag": tag, "argv": list(argv), "env": {**env, COOKIE: cookie}, "cwd": cwd}
        answer = self._ask({**message, "cookie": cookie}, [out, err], {tag: on_exit})
        if "error" in answer:
            with self._waiting_lock:
                self._waiting.pop(tag, None)
            raise LaunchError(answer["error"])
        return Process(tag, int(answer["pid"]))

    def signal(self, process: Process, number: int, *, group: bool = False) -> bool:
        """Send a signal to the main process or its whole group; False when it has ended already."""
        answer = self._ask({"op": "kill", "tag": process.tag, "signal": number, "group": group})
        return bool(answer.get("sent"))

    def close(self) -> None:
        """Let the warden end every process that is left; returns when it has."""
        self._closed = True
        self._socket.shutdown(socket.SHUT_RDWR)
        self._warden.wait()
        self._exits.put(None)

    def _open_warden(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._warden = subprocess.Popen(
                [sys.executable, "-S", "-m", "embedded.engine.warden"],
                stdin=theirs.fileno(),
                start_new_session=True,
                cwd=Path(__file__).parents[2],
            )
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        arguments = (self._socket, self._warden, self._answers)
        threading.Thread(target=self._listen, args=arguments, name="warden", daemon=True).start()

    def _ask(
        self, message: dict[str, Any], fds: Sequence[int] = (), on_exit: Mapping[int, OnExit] | None = None
    ) -> dict[str, Any]:
        data = json.dumps(message).encode() + b"\n"
        with self._request:
            with self._waiting_lock:
                self._waiting.update(on_exit or {})
            try:
                sent = socket.send_fds(self._socket, [data], fds) if fds else 0
                self._socket.sendall(data[sent:])
            except OSError as error:
                return {"error": f"the warden is gone: {error}"}
            return self._answers.get()

    def _listen(
        self, connection: socket.socket, warden: subprocess.Popen[bytes], answers: queue.SimpleQueue[dict[str, Any]]
    ) -> None:
        with connection, connection.makefile("rb") as lines:
            try:
                for line in lines:
                    message = json.loads(line)
                    if "exit" in message:
                        self._deliver(message["exit"], message["code"])
                    else:
                        answers.put(message)
            except ConnectionResetError:
                log.warning("warden connection reset")
        answers.put({"error": "the warden is gone"})
        if self._closed:
            return
        warden.wait()
        log.error("warden %d died, starting another", warden.pid)
        with self._request:
            with self._waiting_lock:
                lost = list(self._waiting)
            self._open_warden()
        for tag in lost:
            self._deliver(tag, 137)

    def _deliver(self, tag: int, code: int) -> None:
        with self._waiting_lock:
            on_exit = self._waiting.pop(tag, None)
        if on_exit:
            self._exits.put((on_exit, code))

    def _dispatch(self) -> None:
        while (item := self._exits.get()) is not None:
            on_exit, code = item
            on_exit(code)


def environment(variables: Sequence[str], hostname: str) -> dict[str, str]:
    """A container's environment: PATH, HOME and HOSTNAME as dockerd gives them, then `KEY=value` in order."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/"), "HOSTNAME": hostname}
    for variable in variables:
        key, separator, value = variable.partition("=")
        if separator:
            env[key] = value
        else:
            env.pop(key, None)
    return env
