"""What is about to be opened, on disk before it is asked for: a lost answer is looked for, not asked for again."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Intent:
    """`asked_at`: when a session was asked for last; `session` is empty while nobody knows what came of it."""

    asked_at: datetime
    session: str = ""


class Intents:
    """One small file for each key in `folder`, replaced whole and synced; a lock beside it for each key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Nobody else on this host opens `key` meanwhile; a process that dies lets go."""
        with self._file(key, "lock").open("a") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield

    def read(self, key: str) -> Intent | None:
        """None when nothing was ever asked for."""
        try:
            value = json.loads(self._file(key, "json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return Intent(datetime.fromisoformat(value["asked_at"]), value["session"])

    def write(self, key: str, intent: Intent) -> None:
        """Returns when it is on disk."""
        file = self._file(key, "json")
        temporary = file.with_suffix(f".{os.getpid()}.tmp")
        value = {"key": key, "asked_at": intent.asked_at.isoformat(), "session": intent.session}
        with temporary.open("w", encoding="utf-8") as out:
            out.write(json.dumps(value))
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def forget(self, key: str) -> None:
        """The service has said that nothing was opened."""
        self._file(key, "json").unlink(missing_ok=True)

    def _file(self, key: str, kind: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.{kind}"
