"""The first process inside a sandbox: looks whether it is in one, runs the job, kills what is left, says how it ended.

Run as `python3 -I -S -B keeper.py`, as process 1, on any Python from 3.8 on, without any package. It reads `job.json`
next to it. The job's output goes to stdout; stderr is its own: one JSON line before the job starts, one at the end.
"""

# pathlib takes longer to import than all the rest, and this runs for every job; /tmp is the sandbox's own
# ruff: noqa: PTH100, PTH115, PTH118, PTH120, PTH123, S108, S606
from __future__ import annotations

import base64
import contextlib
import json
import os
import resource
import signal
import stat
import sys
import time
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE, TREE, INPUT = (os.path.join(HERE, name) for name in ("source", "tree", "input"))
ORPHANED_S = 5
"""So long after its wall limit a job ends although nobody outside has ended it: they may be dead."""
MOST_LEFT_OUT = 100


def escapes(writable: bool) -> list[str]:
    """What makes this place no sandbox; empty when it is one."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    with open("/proc/net/dev", encoding="ascii") as file:
        interfaces = {line.split(":")[0].strip() for line in file if ":" in line}
    found = []
    if os.getpid() != 1:
        found.append("it has no process namespace of its own")
    if os.getuid() == 0 or os.geteuid() == 0:
        found.append("it runs as root")
    if any(int(status[name].strip(), 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")):
        found.append("it has capabilities")
    if status.get("NoNewPrivs", "").strip() != "1":
        found.append("it may gain privileges")
    if interfaces - {"lo"}:
        found.append("it has a network: " + ", ".join(sorted(interfaces - {"lo"})))
    for folder in ("/", "/usr", "/etc", HERE, INPUT, SOURCE if writable else TREE):
        if os.access(folder, os.W_OK):
            found.append(folder + " can be written to")
    return found


def start(job: dict[str, Any]) -> int:
    """The process id of the job's first process."""
    child = os.fork()
    if child:
        return child
    code = 126
    try:
        os.setsid()
        os.dup2(1, 2)
        os.closerange(3, 4096)
        for name in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(name, signal.SIG_DFL)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # short of memory, the kernel kills the job before its keeper
        for limit, value in job["rlimits"].items():
            resource.setrlimit(getattr(resource, "RLIMIT_" + limit), (value, value + (limit == "CPU")))
        os.umask(0o022)
        os.nice(10)  # who watches over production on this host goes first
        os.chdir(TREE)
        environment = {"PATH": os.environ["PATH"], "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", **job["env"]}
        code = 127
        os.execvpe(job["argv"][0], job["argv"], environment)
    except (OSError, ValueError) as error:
        os.write(1, f"{job['argv'][0]}: {error}\n".encode(errors="replace"))
    finally:
        os._exit(code)


def end(child: int, wall_s: float) -> int:
    """The wait status of `child`, when neither it nor anything that it started is left."""
    deadline = time.monotonic() + wall_s + ORPHANED_S

    def overdue(*_: object) -> None:
        if time.monotonic() >= deadline:
            os._exit(1)  # and with process 1 everything in here
        signal.setitimer(signal.ITIMER_REAL, max(deadline - time.monotonic(), 0.001))

    signal.signal(signal.SIGALRM, overdue)
    overdue()
    status = -1
    while status < 0:
        pid, told = os.wait()
        status = told if pid == child else -1
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    return status


def entries(root: str) -> tuple[dict[str, os.stat_result], list[str]]:
    """Everything below `root` but folders, by path, without following a link; and what could not be looked at."""
    found, failed, folders = {}, [], [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as listed:
                for entry in listed:
                    path = os.path.join(folder, entry.name)
                    if path != (shown := path.encode(errors="replace").decode()):  # the name is no text
                        failed.append(shown)
                    elif entry.is_dir(follow_symlinks=False):
                        folders.append(path)
                    else:
                        found[path] = entry.stat(follow_symlinks=False)
        except OSError:
            failed.append(folder)
    return found, failed


def content(path: str, most: int) -> bytes:
    """Raises OSError when it is no regular file, cannot be read or has more than `most` bytes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a regular file")
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError("too much")
    return data


def same(path: str, before: os.stat_result | None, after: os.stat_result) -> bool:
    """Whether the entry is what it was, its mode aside."""
    old, new = os.path.join(SOURCE, path), os.path.join(TREE, path)
    if before is None or stat.S_IFMT(before.st_mode) != stat.S_IFMT(after.st_mode):
        return False
    if stat.S_ISLNK(after.st_mode):
        return os.readlink(old) == os.readlink(new)
    return before.st_size == after.st_size and content(old, before.st_size) == content(new, before.st_size)


def changes(most: int) -> tuple[dict[str, str | None], list[str]]:
    """Regular files of the tree that are new or other (base64) or gone (None); and changes that are not told so."""
    (before, _), (after, left_out) = entries(SOURCE), entries(TREE)
    changed: dict[str, str | None] = {}
    for path, told in sorted(after.items()):
        was = before.get(path)
        try:
            if not same(path, was, told):
                data = content(os.path.join(TREE, path), most)
                most -= len(data)
                changed[path] = base64.b64encode(data).decode("ascii")
            if stat.S_ISREG(told.st_mode) and bool(told.st_mode & 0o100) != bool(was and was.st_mode & 0o100):
                left_out.append(path + " (mode)")
        except OSError:
            left_out.append(path)
    unseen = tuple(path + "/" for path in left_out)
    changed.update({path: None for path in before if path not in after and not path.startswith(unseen)})
    if len(left_out) > MOST_LEFT_OUT:
        left_out = [*left_out[:MOST_LEFT_OUT], f"and {len(left_out) - MOST_LEFT_OUT} more"]
    return changed, left_out


def say(message: dict[str, Any]) -> None:
    data = json.dumps(message).encode("ascii") + b"\n"
    while data:
        data = data[os.write(2, data) :]


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which process 1 is then immune to
    with open(os.path.join(HERE, "job.json"), encoding="ascii") as file:
        job = json.load(file)
    if faults := escapes(job["writable"]):
        say({"refused": "; ".join(faults)})
        return 1
    if job["writable"]:
        import shutil

        try:
            shutil.copytree(SOURCE, TREE, symlinks=True, dirs_exist_ok=True)
        except (OSError, shutil.Error) as error:
            say({"refused": f"the tree cannot be copied: {str(error)[:300]}"})
            return 1
    say({"ready": True})
    status = end(start(job), job["wall_s"])
    changed, left_out = changes(job["changed_bytes"]) if job["writable"] else ({}, [])
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
    say({"exit_code": code, "signal": number, "changed": changed, "left_out": left_out})
    return 0


if __name__ == "__main__":
    sys.exit(main())
