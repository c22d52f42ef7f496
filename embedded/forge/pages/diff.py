"""Differences for people: files with numbered, marked lines."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from embedded.forge.git.history import FileChange, History
from embedded.forge.git.repository import Repository

MAX_FILES: Final = 300
"""Files of one difference that are shown at most."""
MAX_LINES: Final = 20_000
"""Lines of one difference that are shown at most; files after that are named only."""
_HUNK: Final = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)")


@dataclass(frozen=True, slots=True)
class Line:
    """`kind` is hunk, same, added, removed or note; numbers are 1-based, None on the side that has no such line."""

    kind: str
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file; `lines` is None when git gives no text for it (binary, pure rename, very large)."""

    key: str
    path: str
    previous: str | None
    status: str
    additions: int
    deletions: int
    lines: tuple[Line, ...] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """`left_out` counts the files beyond MAX_FILES; additions and deletions are those of all files."""

    files: tuple[ChangedFile, ...]
    left_out: int
    additions: int
    deletions: int


@lru_cache(maxsize=32)
def difference(git: Repository, old: str, new: str) -> Difference:
    """What changes from commit or tree `old` to `new` (40 hex digits each, so the answer never changes)."""
    files = History(git).diff(old, new)
    shown, left = [], MAX_LINES
    for change in files[:MAX_FILES]:
        shown.append(_file(change, left))
        left -= len(shown[-1].lines or ())
    plus, minus = sum(one.additions for one in files), sum(one.deletions for one in files)
    return Difference(tuple(shown), len(files) - len(shown), plus, minus)


def _file(change: FileChange, most: int) -> ChangedFile:
    key = "file-" + hashlib.blake2b(change.path.encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()
    fits = change.patch is not None and change.patch.count("\n") < most
    lines = tuple(numbered(change.patch)) if change.patch is not None and fits else None
    path = _shown(change.path)
    previous = _shown(change.previous) if change.previous else None
    return ChangedFile(key, path, previous, change.status, change.additions, change.deletions, lines)


def _shown(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def numbered(patch: str) -> Iterator[Line]:
    """The lines of a unified diff's hunks with their numbers on both sides."""
    old = new = 0
    for raw in patch.split("\n"):
        mark, text = raw[:1], raw[1:]
        match = _HUNK.match(raw)
        if match:
            old, new = int(match[1]), int(match[2])
            yield Line("hunk", None, None, raw)
        elif mark == "+":
            yield Line("added", None, new, text)
            new += 1
        elif mark == "-":
            yield Line("removed", old, None, text)
            old += 1
        elif mark == "\\":
            yield Line("note", None, None, raw.removeprefix("\\ "))
        else:
            yield Line("same", old, new, text)
            old, new = old + 1, new + 1
