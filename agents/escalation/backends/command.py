"""Any local command that edits a checked-out copy, in the sandbox. Privilege: to run that one command there.

It yields the files it changed and no pull request: Escalation's hand opens that. A run that its process did not survive
counts as failed and is not begun again.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Protocol

from shared.incident.evidence import one_line
from shared.incident.render import plain
from shared.ports import Brief, Made, Permanent, Queued, Session, Transient

log = logging.getLogger(__name__)

PROMPT: Final = "{prompt}"
"""The word of the command that stands for the brief."""
MOST_FILES: Final = 50
MOST_BYTES: Final = 1024 * 1024
"""Of all changed files together."""
_LOST: Final = "the process that ran the command did not survive it"


@dataclass(frozen=True, slots=True)
class Work:
    """What came of a command: whether it ended well and in time, what it said last, and what it changed.

    `base`: the commit it was given, empty where it never came to that; `files`: as in `Made`.
    """

    ok: bool
    said: str
    base: str = ""
    files: Mapping[str, bytes | None] = field(default_factory=dict)


class Workshop(Protocol):
    """Runs a command on a copy of the repository that holds nothing else, within limits, without a network."""

    def edit(self, argv: tuple[str, ...], repo: str, branch: str) -> Work:
        """Check `branch` out, run `argv` in the copy, and say what changed. Raises Transient or Permanent."""
        ...


class Command:
    """Fulfils `shared.ports.Backend`. The work is done in a thread; what came of it is kept in `folder`."""

    def __init__(self, argv: tuple[str, ...], workshop: Workshop, folder: Path) -> None:
        """`argv`: a program and its words, one of which is `{prompt}`; no shell sees them. Raises Permanent."""
        if PROMPT not in argv[1:]:
            raise Permanent(f"the command of Tier 3 needs a word {PROMPT}, where the brief goes: {' '.join(argv)!r}")
        self._argv, self._workshop, self._folder = argv, workshop, folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def name(self) -> str:
        return "command"

    def open(self, brief: Brief) -> Session | Queued:
        session_id = _id(brief)
        held = self._hold(session_id)
        begun = self._read(session_id)
        if held is None or begun is not None:
            if held is not None:
                held.close()
            return self.look(session_id) if begun is not None else _session(session_id, {"state": "working"})
        self._write(session_id, {"state": "working"})
        threading.Thread(target=self._run, args=(held, session_id, brief), name="tier3-command", daemon=True).start()
        return _session(session_id, {"state": "working"})

    def find(self, brief: Brief) -> Session | None:
        return self.look(_id(brief)) if self._read(_id(brief)) is not None else None

    def look(self, session_id: str) -> Session:
        record = self._read(session_id)
        if record is None:
            raise Permanent(f"no command was run as {session_id!r:.40}")
        if record["state"] == "working" and (held := self._hold(session_id)):
            with held:  # nobody has it: it has ended meanwhile, or was lost
                record = self._read(session_id) or record
                if record["state"] == "working":
                    record = {"state": "failed", "detail": _LOST}
                    self._write(session_id, record)
        return _session(session_id, record)

    def approve_plan(self, session_id: str) -> None:
        """It shows no plan, so none waits."""

    def tell(self, session_id: str, text: str) -> bool:
        """A command reads nothing while it runs."""
        del session_id, text
        return False

    def _run(self, held: IO[str], session_id: str, brief: Brief) -> None:
        argv = tuple(brief.text if word == PROMPT else word for word in self._argv)
        with held:
            try:
                work = self._workshop.edit(argv, brief.repo, brief.branch)
            except (Transient, Permanent) as error:
                work = Work(False, str(error))
            self._write(session_id, _record(work))

    def _hold(self, session_id: str) -> IO[str] | None:
        """The session's lock file, for the one on this host that has it; None for the others, who do not wait."""
        held = (self._folder / f"{_checked(session_id)}.lock").open("a")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.close()
            return None
        return held

    def _read(self, session_id: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads((self._folder / f"{_checked(session_id)}.json").read_text())
        except FileNotFoundError:
            return None
        return found

    def _write(self, session_id: str, record: dict[str, Any]) -> None:
        file = self._folder / f"{session_id}.json"
        temporary = file.with_suffix(f".{os.getpid()}.tmp")
        with temporary.open("w", encoding="utf-8") as out:
            out.write(json.dumps(record))
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
        log.info("the command %s is %s", session_id, record["state"])


def _record(work: Work) -> dict[str, Any]:
    detail = one_line(plain(work.said[-2000:]), 500)
    if not work.ok:
        return {"state": "failed", "detail": detail or "the command failed"}
    if not work.files:
        return {"state": "failed", "detail": "the command changed nothing"}
    size = sum(len(data or b"") for data in work.files.values())
    if len(work.files) > MOST_FILES or size > MOST_BYTES:
        told = (
            f"the command changed {len(work.files)} files to {size} bytes; {MOST_FILES} and {MOST_BYTES} are the most"
        )
        return {"state": "failed", "detail": told}
    files = {path: None if data is None else base64.b64encode(data).decode() for path, data in work.files.items()}
    return {"state": "completed", "detail": detail, "base": work.base, "files": files}


def _session(session_id: str, record: dict[str, Any]) -> Session:
    made = None
    if "files" in record:
        files = {path: None if data is None else base64.b64decode(data) for path, data in record["files"].items()}
        made = Made(record["base"], files)
    return Session("command", session_id, "", record["state"], made=made, detail=record.get("detail", ""))


def _id(brief: Brief) -> str:
    return hashlib.sha256(brief.key.encode()).hexdigest()[:32]


def _checked(session_id: str) -> str:
    if len(session_id) != 32 or set(session_id) - set("0123456789abcdef"):
        raise Permanent(f"{session_id!r:.40} is no command's session")
    return session_id
