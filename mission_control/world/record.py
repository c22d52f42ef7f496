"""`run.json`: where everything of a running world is, for people, tests and tools. Mode 0600: it holds tokens."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from mission_control.exits import Ended

FILE: Final = "run.json"


class NotRunning(Ended):
    """Nothing runs on this state folder, or its run.json cannot be read."""


class AlreadyRunning(Exception):
    """Another `up` has this state folder."""


@dataclass(frozen=True, slots=True)
class Record:
    """The content of run.json."""

    github: dict[str, Any]
    """`url` (pages), `api` (REST base), `repo`, `tokens` {fleet, operator, outsider}; absent tokens are null."""
    kafka: str | None
    traces: dict[str, str | None]
    """`otlp` and `query` base URLs."""
    docker: str | None
    docker_readonly: str | None
    marketplace: str | None
    faults: str | None
    """The file that faults are written to."""
    processes: dict[str, int]
    containers: dict[str, str]
    """Container name to its health URL ("" where it has none)."""
    supervisor: int
    state: str
    """The state folder."""
    workers: dict[str, str] = field(default_factory=dict)
    """Worker to the URL of its /healthz; /metrics is beside it."""
    knowledge: str | None = None
    """Base URL of Chroma."""
    dashboard: str | None = None
    """Base URL of the dashboard."""
    extra: dict[str, Any] = field(default_factory=dict, repr=False)

    def write(self) -> None:
        """Replace run.json whole."""
        file = Path(self.state) / FILE
        temporary = file.with_name(f".{FILE}.{os.getpid()}.tmp")
        content = {key: value for key, value in asdict(self).items() if key != "extra"} | self.extra
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            json.dump(content, out, indent=2)
        temporary.replace(file)


def read(folder: Path) -> Record:
    """The record in `folder`. Raises NotRunning."""
    file = folder / FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        known = {name: content.pop(name) for name in tuple(content) if name in Record.__dataclass_fields__}
        return Record(**known, extra=content)
    except FileNotFoundError:
        raise NotRunning(f"nothing runs on {folder}: start it with ./mission-control.sh up") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise NotRunning(f"{file} cannot be read: {error}") from error


def take(folder: Path) -> IO[str]:
    """Become the one supervisor of `folder` while the returned file is open. Raises AlreadyRunning."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (folder / "up.lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip() or "?"
        lock.close()
        raise AlreadyRunning(f"already up on {folder} (pid {owner}); stop it with ./mission-control.sh down") from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def owner(folder: Path) -> int | None:
    """The pid of the supervisor that has `folder` now, None when there is none."""
    file = folder / "up.lock"
    if not file.exists():
        return None
    with file.open(encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = lock.read().strip()
            return int(text) if text.isdigit() else None
    return None
