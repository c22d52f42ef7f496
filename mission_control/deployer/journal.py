"""What the deployer was doing, on disk, so that one that is killed is finished by the next."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

_AGAIN_AFTER: Final = 0.05


class Busy(Exception):
    """Another deployer has this engine."""


@dataclass(frozen=True, slots=True)
class Journal:
    """`sha` is being deployed while it is not `finished`. `touched`: containers to be made anew for it,
    and for those that it overtook.

    `settled` is the newest commit whose outcome is known. `owed`: statuses that GitHub has not taken yet, as
    (sha, state, description), oldest first.
    """

    sha: str | None = None
    finished: bool = True
    touched: tuple[str, ...] = ()
    settled: str | None = None
    owed: tuple[tuple[str, str, str], ...] = field(default=())

    def write(self, file: Path) -> None:
        """Replace the file whole, on disk before this returns."""
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
        with temporary.open("w", encoding="utf-8") as out:
            json.dump(asdict(self), out)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)


def read_journal(file: Path) -> Journal:
    """The journal in `file`; an empty one where there is none or it cannot be read: then all is compared afresh."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        owed = tuple((str(sha), str(state), str(text)) for sha, state, text in found["owed"])
        return Journal(found["sha"], bool(found["finished"]), tuple(found["touched"]), found["settled"], owed)
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return Journal()


@contextmanager
def one_at_a_time(engine: str, within: float, stopped: Callable[[], bool]) -> Iterator[None]:
    """Hold the lock of this engine (its address) on this host. Raises Busy after `within` seconds or when stopped."""
    name = hashlib.sha256(engine.encode()).hexdigest()[:16]
    file = Path(tempfile.gettempdir()) / f"sre-space-deploy-{os.getuid()}-{name}.lock"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + within
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if stopped() or time.monotonic() > deadline:
                    raise Busy(f"another deployer works on {engine}") from None
                time.sleep(_AGAIN_AFTER)
        yield
    finally:
        os.close(descriptor)
