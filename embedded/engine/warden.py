"""The parent of every container process: a tiny single-threaded program that outlives the engine just long enough.

It starts processes the engine asks for, reaps them and whatever they orphan, reports each exit, and when the engine
is gone (its end of the socket closes, however it died) kills all descendants and leaves. It is a child subreaper, so a
process that daemonised itself is still found; its direct children also carry a parent-death signal, so that even
`kill -9` of the warden leaves no container process.

Standard library only, few imports: every container start forks this process.

Wire: newline-terminated JSON over a Unix stream socket on fd 0.
  -> {"op":"spawn","tag":N,"argv":[…],"env":{…},"cwd":"…","cookie":"…"} with two descriptors (stdout, stderr)
  <- {"pid":N} or {"error":"…","missing":true|false}
  -> {"op":"kill","tag":N,"signal":N,"group":true|false}      <- {"sent":true|false}
  <- {"exit":tag,"code":N} at any time; code is the status, or 128 + the signal's number
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LINUX = sys.platform.startswith("linux")
COOKIE = "SRE_SPACE_CONTAINER"
"""Environment variable naming the container, inherited by everything it starts."""


class Warden:
    """Owns the container processes; see the module for the wire."""

    def __init__(self, engine: socket.socket) -> None:
        self._engine = engine
        self._buffer = b""
        self._fds: list[int] = []
        self._children: dict[int, tuple[int, str, subprocess.Popen[bytes]]] = {}
        self._libc = ctypes.CDLL(None, use_errno=True) if LINUX else None
        self._pid = os.getpid()

    def run(self) -> None:
        """Serve until the engine is gone, then leave nothing behind."""
        if self._libc:
            self._libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        wake_read, wake_write = os.pipe()
        for fd in (wake_read, wake_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ignored, lambda *_: None)
        sources: list[Any] = [self._engine, wake_read]
        try:
            while True:
                readable, _, _ = select.select(sources, [], [])
                if wake_read in readable:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake_read, 4096)
                    self._reap()
                if self._engine in readable and not self._receive():
                    return
        except (BrokenPipeError, ConnectionResetError):
            return
        finally:
            self._kill_everything()

    def _receive(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self._engine, 65536, 8)
        self._fds.extend(fds)
        self._buffer += data
        while b"\n" in self._buffer:
            line, self._buffer = self._buffer.split(b"\n", 1)
            message = json.loads(line)
            self._send(self._spawn(message) if message["op"] == "spawn" else self._kill(message))
        return bool(data)

    def _send(self, message: dict[str, Any]) -> None:
        self._engine.sendall(json.dumps(message).encode() + b"\n")

    def _spawn(self, message: dict[str, Any]) -> dict[str, Any]:
        out, err = self._fds[:2]
        del self._fds[:2]
        try:
            process = subprocess.Popen(
                message["argv"],
                env=message["env"],
                cwd=message["cwd"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                preexec_fn=self._tie if LINUX else None,  # noqa: PLW1509 (single-threaded: safe)
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            return {"error": str(error), "missing": isinstance(error, FileNotFoundError)}
        finally:
            os.close(out)
            os.close(err)
        self._children[process.pid] = (message["tag"], message["cookie"], process)
        return {"pid": process.pid}

    def _tie(self) -> None:
        """In the child: die with the warden, and at once if it is gone already."""
        assert self._libc is not None  # noqa: S101
        self._libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != self._pid:
            os._exit(137)

    def _kill(self, message: dict[str, Any]) -> dict[str, Any]:
        for pid, (tag, _, _) in self._children.items():
            if tag == message["tag"]:
                send = os.killpg if message["group"] else os.kill
                with contextlib.suppress(ProcessLookupError):
                    send(pid, message["signal"])
                return {"sent": True}
        return {"sent": False}

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is None:
                continue  # an adopted orphan
            tag, cookie, process = child
            code = os.waitstatus_to_exitcode(status)
            process.returncode = code
            self._sweep(pid, cookie)
            self._send({"exit": tag, "code": code if code >= 0 else 128 - code})

    def _sweep(self, main: int, cookie: str) -> None:
        """What the main process of a container leaves behind goes with it, as in a PID namespace."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(main, signal.SIGKILL)
        for pid in self._descendants():
            if pid not in self._children and _belongs(pid, main, cookie):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _descendants(self) -> list[int]:
        if not LINUX:
            return []
        parents: dict[int, list[int]] = {}
        for name in os.listdir("/proc"):  # noqa: PTH208 (pathlib costs memory here)
            if name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    parent = int(file.read().rpartition(b")")[2].split()[1])
                    parents.setdefault(parent, []).append(int(name))
        found: list[int] = []
        frontier = [self._pid]
        while frontier:
            children = parents.get(frontier.pop(), [])
            found += children
            frontier += children
        return found

    def _kill_everything(self) -> None:
        """Until no descendant is left; new ones forked meanwhile are met in the next round."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for pid in {*self._children, *self._descendants()}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            time.sleep(0.005)


def _belongs(pid: int, main: int, cookie: str) -> bool:
    try:
        if os.getsid(pid) == main:
            return True
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
            return f"{COOKIE}={cookie}".encode() in file.read().split(b"\0")
    except OSError:
        return False


if __name__ == "__main__":
    Warden(socket.socket(fileno=0)).run()
