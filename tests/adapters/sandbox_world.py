"""Sandboxes as the contract tests see them: bubblewrap, as root and as an ordinary user, and a Docker engine."""

from __future__ import annotations

import os
import pickle
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

from shared.adapters.sandbox.bubblewrap import Bubblewrap
from shared.adapters.sandbox.docker import DockerSandbox
from shared.ports import SANDBOX_INPUT, Job, Limits, Outcome, Sandbox, Strength

ROOT = Path(__file__).parents[2]
ORDINARY = 54_321
"""A user id that nobody has."""
QUICK = Limits(wall_s=20, cpu_s=10, memory_mb=128, pids=24, output_bytes=20_000, disk_mb=16, changed_bytes=100_000)


class SandboxWorld:
    """A sandbox, and a folder on the host for what a test needs outside of it."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder

    def tree(self, files: Mapping[str, bytes] | None = None) -> Path:
        """A new folder with these files."""
        tree = Path(tempfile.mkdtemp(dir=self.folder))
        for name, data in (files or {"app.py": b"ANSWER = 42\n"}).items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes(data)
        self.give(tree)
        return tree

    def give(self, _path: Path) -> None:
        """Make it belong to who runs the sandbox."""

    def python(
        self,
        script: str,
        tree: Path | None = None,
        limits: Limits = QUICK,
        arguments: tuple[str, ...] = (),
        **more: Any,
    ) -> Outcome:
        """Run a script that lies next to the tree."""
        argv = ("python3", "-B", f"{SANDBOX_INPUT}/script.py", *arguments)
        files = {"script.py": dedent(script).encode(), **more.pop("files", {})}
        return self.sandbox.run(Job(tree or self.tree(), argv, files, limits=limits, **more))


class OrdinaryWorld(SandboxWorld):
    """The tests run as root, the sandbox as somebody else."""

    def give(self, path: Path) -> None:
        for place, _, files in os.walk(path):
            for name in (Path(place), *(Path(place, file) for file in files)):
                os.chown(name, ORDINARY, ORDINARY, follow_symlinks=False)


class Ordinary:
    """A process of an ordinary user that forks one for each job: with its own home, nothing of root's but programs."""

    def __init__(self) -> None:
        needed = dict.fromkeys(Path(path).resolve() for path in (ROOT, sys.prefix, sys.base_prefix))
        self._door, theirs = socket.socketpair()
        argv = [
            "unshare", "--mount", "--propagation", "private", "sh", "-euc", REACHABLE, "sh", str(ORDINARY),
            *(f"{_shut(path) or '-'}:{path}" for path in needed), "--",
            str(Path(sys.prefix).resolve() / "bin" / "python3"), "-P", "-c", SERVER, str(theirs.fileno()),
        ]  # fmt: skip
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT.resolve()), "PYTHONDONTWRITEBYTECODE": "1"}
        with theirs:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), env=environment, cwd="/"
            )

    def ask(self, scratch: Path, job: Job | None) -> object:
        """What came of a job, or with None the strength, in a process of its own."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._door, [b"j"], [theirs.fileno()])
        with ours, ours.makefile("rwb") as line:
            pickle.dump((scratch, job), line)
            line.flush()
            return pickle.load(line)

    def close(self) -> None:
        self._door.close()
        assert self._process.wait(10) == 0


class AsOrdinaryUser:
    """Fulfils `Sandbox` in processes of an ordinary user."""

    def __init__(self, user: Ordinary, scratch: Path) -> None:
        self._user = user
        self._scratch = scratch

    @property
    def strength(self) -> Strength:
        told = self._user.ask(self._scratch, None)
        assert isinstance(told, Strength)
        return told

    def run(self, job: Job) -> Outcome:
        told = self._user.ask(self._scratch, job)
        if isinstance(told, Exception):
            raise told
        assert isinstance(told, Outcome)
        return told


REACHABLE = """
uid=$1; shift
mount -t tmpfs -o mode=0755 tmpfs /mnt
n=0; for pair in "$@"; do
    [ "$pair" = -- ] && break
    n=$((n + 1)); mkdir /mnt/$n; mount --bind "${pair#*:}" /mnt/$n
done
n=0; while [ "$1" != -- ]; do
    n=$((n + 1)); shut=${1%%:*} path=${1#*:}; shift
    [ "$shut" = - ] && continue
    [ -e /mnt/over-$(basename "$shut") ] || mount -t tmpfs -o mode=0755 tmpfs "$shut"
    : >/mnt/over-$(basename "$shut")
    mkdir -p "$path"; mount --bind /mnt/$n "$path"
done
shift
exec setpriv --reuid $uid --regid $uid --clear-groups --inh-caps=-all -- "$@"
"""
"""Where a folder of root's lets nobody in, an empty one is laid over it in which only what is needed can be seen."""

SERVER = """
import os, pickle, signal, socket, sys
from shared.adapters.sandbox.bubblewrap import Bubblewrap

def answer(line):
    scratch, job = pickle.load(line)
    sandbox = Bubblewrap(scratch)
    try:
        told = sandbox.strength if job is None else sandbox.run(job)
    except Exception as error:
        told = error
    pickle.dump(told, line)
    line.flush()

door = socket.socket(fileno=int(sys.argv[1]))
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
while given := socket.recv_fds(door, 1, 1)[1]:
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        door.close()
        with socket.socket(fileno=given[0]) as there, there.makefile("rwb") as line:
            answer(line)
        os._exit(0)
    os.close(given[0])
"""


def _shut(path: Path) -> Path | None:
    """The topmost folder on the way to `path` that others may not enter."""
    return next((folder for folder in reversed((path, *path.parents)) if not folder.stat().st_mode & 0o001), None)


@contextmanager
def world(kind: str, docker_host: str = "", image: str = "", user: Ordinary | None = None) -> Iterator[SandboxWorld]:
    """`kind`: bubblewrap, ordinary (with a `user`) or dockerd."""
    folder = Path(tempfile.mkdtemp(prefix="sre-space-test-"))
    (scratch := folder / "scratch").mkdir()
    try:
        if user is not None:
            folder.chmod(0o755)
            scratch.chmod(0o755)
            os.chown(scratch, ORDINARY, ORDINARY)
            yield OrdinaryWorld(AsOrdinaryUser(user, scratch), folder)
        elif kind == "dockerd":
            sandbox = DockerSandbox(docker_host, image, scratch)
            yield SandboxWorld(sandbox, folder)
            sandbox.close()
        else:
            yield SandboxWorld(Bubblewrap(scratch), folder)
    finally:
        shutil.rmtree(folder)


def processes(marker: str) -> list[int]:
    """The host's processes with `marker` in their arguments."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue  # it has just ended
    return found
