"""A sandbox of Linux namespaces, made by bubblewrap: no daemon, no image, and no privileges while it runs.

Options as in bwrap(1) of 0.8, https://github.com/containers/bubblewrap.
"""

from __future__ import annotations

import json
import os
import random
import select
import selectors
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Final, Literal

from shared.adapters.sandbox import cgroup, seccomp
from shared.adapters.sandbox.follow import READ_BYTES, SETUP_S, follow, judge
from shared.adapters.sandbox.scratch import Scratch
from shared.adapters.sandbox.stage import START, rlimits, stage
from shared.ports import Job, Limits, Outcome, Permanent, Strength, Transient

UIDS: Final = range(1_879_048_192, 1_879_048_192 + 65_536)
"""User ids that nobody has: where systemd assigns nothing, https://systemd.io/UIDS-GIDS. One of them, at random, owns
the processes of a job that root starts."""
DIE_S: Final = 10.0
"""How long the kernel may need to end the processes of a job."""
SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC: Final = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime")
NAMES: Final = {
    "passwd": "nobody:x:65534:65534:nobody:/tmp:/bin/sh\n",
    "group": "nogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
}
AS_ROOT: Final = """
uid=$1 count=$2; shift 2
mount -t tmpfs -o mode=0755,size=64k tmpfs /mnt
while [ "$count" -gt 0 ]; do
    mkdir "/mnt/$count"; mount --bind "$1" "/mnt/$count"; shift; count=$((count - 1))
done
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all -- "$@"
"""
"""What root does in a mount namespace of its own: it binds what a sandbox is made of below /mnt, where a user finds it
who may enter no folder of root's, and becomes that user for good."""


class Bubblewrap:
    """Fulfils `shared.ports.Sandbox`. As root and as an ordinary user; root gives itself up first.

    `scratch`: a folder of this user's; `python`: the interpreter whose installation and packages a job sees.
    """

    def __init__(self, scratch: Path, python: Path = Path(sys.executable)) -> None:
        self._scratch = Scratch(scratch)
        # The folders of a virtual environment and of what it was made from; links in their paths lead nowhere inside.
        prefixes = (sys.prefix, sys.base_prefix) if python == Path(sys.executable) else (python.parent.parent,)
        self._prefixes = tuple(dict.fromkeys(Path(prefix).resolve() for prefix in prefixes))

    @cached_property
    def strength(self) -> Strength:
        """Read when first asked for, which also removes what dead processes have left. Raises Transient."""
        groups = self._groups
        calls = "no filter of system calls" if seccomp.program() is None else "a seccomp filter"
        line = f"bubblewrap: namespaces of its own (user, process, network, files), no capabilities, {calls}"
        if isinstance(groups, str):
            return Strength("namespaces", f"{line}; memory is limited for each process, not for all together: {groups}")
        return Strength("namespaces+cgroup", f"{line}; memory and processes limited by cgroup v{groups.version}")

    @cached_property
    def _groups(self) -> cgroup.Groups | str:
        swept = self._scratch.sweep()
        with self._scratch.folder() as folder:
            groups = cgroup.find(folder.parent.name)
        if isinstance(groups, cgroup.Groups):
            for name in swept:
                groups.named(name).remove()
        return groups

    def run(self, job: Job) -> Outcome:
        """Raises Permanent when bubblewrap or what it needs is missing here, Transient when the machine is too busy."""
        word = self.strength.word
        try:
            with self._scratch.folder() as folder, ExitStack() as stack:
                group = stack.enter_context(self._group(folder.parent.name, job.limits))
                limits = rlimits(job) | {"NPROC": job.limits.pids}
                if group is None:
                    limits["AS"] = job.limits.memory_mb * 2**20
                stage(job, folder, limits)
                for name, text in NAMES.items():
                    (folder / name).write_text(text, encoding="ascii")
                with _Running(self._command(job, folder), group) as running:
                    heard = follow(running.receive, job.limits)
                return judge(heard, group is not None and group.out_of_memory(), word)
        except OSError as error:
            raise Transient(f"the sandbox cannot be made: {error}") from error

    @contextmanager
    def _group(self, name: str, limits: Limits) -> Iterator[cgroup.Group | None]:
        if isinstance(self._groups, str):
            yield None
            return
        group = self._groups.make(name, limits)
        try:
            yield group
        finally:
            group.remove()

    def _command(self, job: Job, folder: Path) -> list[str]:
        """What to run; `{info}` and the like in it stand for file descriptors."""
        wrap = shutil.which("bwrap")
        if wrap is None:
            raise Permanent("bwrap is not on PATH: install bubblewrap")
        prefixes = [prefix for prefix in self._prefixes if not prefix.is_relative_to("/usr")]
        sources = [folder, *prefixes]
        if os.geteuid() != 0 or not _mapped():
            return [wrap, *self._options(job, folder, dict(zip(prefixes, prefixes, strict=True)))]
        tools = {name: shutil.which(name) for name in ("unshare", "setpriv", "mount")}
        if missing := [name for name, path in tools.items() if path is None]:
            raise Permanent(f"{', '.join(missing)} not on PATH: install util-linux")
        seen = [Path("/mnt", str(len(sources) - at)) for at in range(len(sources))]
        options = self._options(job, seen[0], dict(zip(prefixes, seen[1:], strict=True)))
        launch = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", AS_ROOT, "sh"]
        return [*launch, str(random.choice(UIDS)), str(len(sources)), *map(str, sources), wrap, *options]

    def _options(self, job: Job, folder: Path, prefixes: dict[Path, Path]) -> list[str]:
        """bwrap's own. `prefixes`: where a job sees an installation -> where it is bound from."""
        size = str(job.limits.disk_mb * 2**20)
        path = dict.fromkeys([*(f"{prefix}/bin" for prefix in self._prefixes), "/usr/local/bin", "/usr/bin", "/bin"])
        options = [
            "--unshare-user", "--disable-userns", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
            "--unshare-cgroup-try", "--uid", "65534", "--gid", "65534", "--hostname", "sandbox", "--cap-drop", "ALL",
            "--die-with-parent", "--new-session", "--as-pid-1", "--clearenv", "--setenv", "PATH", ":".join(path),
            "--info-fd", "{info}", "--block-fd", "{block}", *(("--seccomp", "{filter}") if seccomp.program() else ()),
            "--proc", "/proc", "--dev", "/dev", "--size", "16777216", "--perms", "1777", "--tmpfs", "/dev/shm",  # noqa: S108
            "--remount-ro", "/dev", "--size", size, "--perms", "1777", "--tmpfs", "/tmp",  # noqa: S108
        ]  # fmt: skip
        for place in SYSTEM:
            if (link := Path(place)).is_symlink():
                options += ["--symlink", str(link.readlink()), place]
            elif link.is_dir():
                options += ["--ro-bind", place, place]
        for place in ETC:
            options += ["--ro-bind-try", place, place]
        for name in NAMES:
            options += ["--ro-bind", str(folder / name), f"/etc/{name}"]
        for prefix, source in prefixes.items():
            options += ["--ro-bind", str(source), str(prefix)]
        options += ["--ro-bind", str(folder), "/sandbox"]
        if job.writable:
            options += ["--size", size, "--perms", "0755", "--tmpfs", "/sandbox/tree"]
        return [*options, "--remount-ro", "/", "--", *START]


class _Running:
    """One bwrap and what it runs, listened to. On leaving, all of it is dead. Raises OSError, Transient."""

    def __init__(self, command: list[str], group: cgroup.Group | None) -> None:
        with ExitStack() as stack:
            info_read, info = stack.enter_context(_pipe())
            block, block_write = stack.enter_context(_pipe())
            rules = stack.enter_context(os.fdopen(os.memfd_create("seccomp"), "w+b", 0))
            rules.write(seccomp.program() or b"")
            rules.seek(0)
            given = {"{info}": info.fileno(), "{block}": block.fileno(), "{filter}": rules.fileno()}
            argv = [str(given.get(word, word)) for word in command]
            self._bwrap = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                cwd="/",
                pass_fds=tuple(given.values()),
                start_new_session=True,
            )
            self._pipes = [pipe for pipe in (self._bwrap.stdout, self._bwrap.stderr) if pipe is not None]
            self._first: int | None = None
            info.close()
            block.close()
            try:
                if not select.select([info_read], [], [], SETUP_S)[0]:
                    raise Transient(f"bubblewrap did not start within {SETUP_S:.0f} s")
                if told := info_read.read():  # nothing: bwrap has ended, and said why on stderr
                    child = int(json.loads(told)["child-pid"])
                    self._first = os.pidfd_open(child)
                    if group is not None:
                        group.add(child)
                    block_write.write(b"!")
            except BaseException:
                self._end()
                raise
        self._heard = selectors.DefaultSelector()
        for number, pipe in enumerate(self._pipes, start=1):
            self._heard.register(pipe, selectors.EVENT_READ, number)

    def receive(self, patience_s: float) -> tuple[Literal[1, 2], bytes] | None:
        """Fulfils `follow.Receive`."""
        while self._heard.get_map():
            ready = self._heard.select(patience_s)
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                if data := os.read(key.fd, READ_BYTES):
                    return key.data, data
                self._heard.unregister(key.fileobj)
        return None

    def __enter__(self) -> _Running:
        return self

    def __exit__(self, *_: object) -> None:
        self._heard.close()
        self._end()

    def _end(self) -> None:
        """End the first process of the job, and with it all others; bwrap itself ends when they are dead."""
        try:
            if self._first is not None:
                try:
                    signal.pidfd_send_signal(self._first, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                finally:
                    os.close(self._first)
            else:
                self._bwrap.kill()
            try:
                self._bwrap.wait(DIE_S)
            except subprocess.TimeoutExpired as late:
                self._bwrap.kill()
                raise Transient(f"a job's processes did not end within {DIE_S:.0f} s") from late
        finally:
            for pipe in self._pipes:
                pipe.close()


def _mapped() -> bool:
    """Whether root can become one of UIDS. In a small user namespace it cannot, and is an ordinary user outside."""
    ranges = [[int(word) for word in line.split()] for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return any(first <= UIDS.start and UIDS.stop <= first + count for first, _, count in ranges)


@contextmanager
def _pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Both ends, the reading one first; closed in the end where they are not yet."""
    read, write = os.pipe()
    with os.fdopen(read, "rb", 0) as reading, os.fdopen(write, "wb", 0) as writing:
        yield reading, writing
