"""What this host did and was about to do: one fsynced file per directive, one lock per target.

    DIR/locks/TARGET.lock          held (flock) for the whole of one `carry_out`
    DIR/entries/TARGET/DIGEST.json one `LedgerEntry`: canonical JSON, a newline, its SHA-256, a newline

Files are replaced whole (write, fsync, rename, fsync the folder), so a reader sees the old entry or the new one. A file
that is neither is a damaged disk: nothing is done until a person has looked.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from shared.incident.facts import Applied, Refused
from shared.incident.parts import Directive
from shared.incident.record import Record
from shared.ports import Clock, Permanent, Transient

KEEP: Final = timedelta(days=30)
"""How long closed entries are kept. An older directive is refused by comparison alone: its container has moved on."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class LedgerEntry(Record):
    """One directive on this host. Without `outcome` it is an intent that may or may not have reached the world."""

    directive: Directive
    begun_at: datetime | None = None
    """When the intent was written, this host's clock; None when the directive was refused at once."""
    orphaned_at: float | None = None
    """`Clock.monotonic()` at which a later visitor, holding the lock, first found this intent without an outcome."""
    confirmed: bool = False
    """The engine said that it had restarted the container, and the container showed no sign of it."""
    outcome: Applied | Refused | None = None
    closed_at: datetime | None = None


class Ledger:
    """The entries under `directory`. `wait` (s) is how the lock is waited for."""

    def __init__(self, directory: Path, clock: Clock, wait: Callable[[float], None]) -> None:
        self._locks = directory / "locks"
        self._entries = directory / "entries"
        self._clock = clock
        self._wait = wait

    @contextmanager
    def lock(self, target: str, patience: float = 10.0) -> Iterator[None]:
        """Hold `target` against every process and thread of this host. Raises Transient after `patience` seconds."""
        with _disk(self._locks):
            self._locks.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._locks / f"{target}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            deadline = self._clock.monotonic() + patience
            while not _locked(handle):
                if self._clock.monotonic() >= deadline:
                    raise Transient(f"another Fixer has been at work on {target} for {patience:g} s", 1.0)
                self._wait(0.02)
            yield
        finally:
            os.close(handle)

    def entries(self, target: str) -> tuple[LedgerEntry, ...]:
        """All entries of `target`, oldest directive file name first. Raises Permanent for a damaged one."""
        with _disk(self._entries):
            paths = sorted((self._entries / target).glob("*.json"))
        found = (_read(path) for path in paths)
        return tuple(entry for entry in found if entry is not None)

    def write(self, entry: LedgerEntry) -> None:
        """Put `entry` on disk, durable on return. The caller holds the lock of its target."""
        folder = self._entries / entry.directive.target
        path = folder / f"{entry.directive.digest}.json"
        text = entry.canonical()
        with _disk(path):
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
                _sync_folder(folder.parent)
            draft = path.with_suffix(".draft")
            with draft.open("wb") as file:
                file.write(f"{text}\n{hashlib.sha256(text.encode()).hexdigest()}\n".encode())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            _sync_folder(folder)

    def recent(self, target: str, window: timedelta) -> tuple[datetime, ...]:
        """When `target` was restarted by this host within `window`, oldest first: for the cool-down."""
        since = self._clock.now() - window
        begun = (e.begun_at for e in self.entries(target) if isinstance(e.outcome, Applied))
        return tuple(sorted(at for at in begun if at is not None and at > since))

    def prune(self, target: str) -> None:
        """Forget entries closed more than `KEEP` ago, and drafts of the dead. The caller holds the lock."""
        before = self._clock.now() - KEEP
        folder = self._entries / target
        with _disk(folder):
            for draft in folder.glob("*.draft"):
                draft.unlink(missing_ok=True)
            for entry in self.entries(target):
                if entry.closed_at is not None and entry.closed_at < before:
                    (folder / f"{entry.directive.digest}.json").unlink(missing_ok=True)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> LedgerEntry | None:
    """The entry in `path`; None when it was pruned meanwhile."""
    try:
        with _disk(path):
            content = path.read_bytes()
        text, digest, rest = content.split(b"\n")
        if rest or hashlib.sha256(text).hexdigest().encode() != digest:
            raise ValueError("checksum")
        entry = LedgerEntry.model_validate_json(text)
        if entry.directive.digest != path.stem or entry.directive.target != path.parent.name:
            raise ValueError("another directive's entry")
    except FileNotFoundError:
        return None
    except (ValueError, ValidationError) as error:
        raise Permanent(
            f"the Fixer's ledger is damaged at {path}: look at the container, then remove the file"
        ) from error
    return entry


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """A full disk may mend itself; every other trouble with it needs a person."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise Transient(f"no room for the Fixer's ledger at {path}", 30.0) from error
        raise Permanent(f"the Fixer's ledger at {path} cannot be used: {error.strerror}") from error
