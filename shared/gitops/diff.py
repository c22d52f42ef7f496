"""What differs: two desired states key by key, two trees file by file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.gitops.stack import parse_stack
from shared.incident.record import Record

REGULAR: Final = "100644"
"""git's mode of a file; 100755 executable, 120000 symbolic link, 160000 submodule."""


class KeyChange(Record):
    """One lever of one service; None where it is not there. `key` is dotted: `environment.MAX_RISK_FACTOR`."""

    service: str
    key: str
    before: str | None
    after: str | None

    def inverse(self) -> KeyChange:
        return KeyChange(service=self.service, key=self.key, before=self.after, after=self.before)


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file before and after; None where it is not there. `mode` is that of the newer side there is, `was` the
    older one's (None: there was no file, or the same)."""

    path: str
    mode: str
    before: bytes | None
    after: bytes | None
    was: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A file of a tree, by git's mode. A submodule's `data` is its commit's name."""

    data: bytes
    mode: str = REGULAR


Tree = Mapping[str, File]
"""Files by path."""


def stack_diff(before: str | bytes, after: str | bytes) -> tuple[KeyChange, ...]:
    """What changed in meaning between two texts of the desired state, in order of service and key; nothing where only
    comments, order, quotes or spelling (1g, 1024m) did. A service that comes or goes is all its keys.

    Raises BadStack."""
    old = _levers(before)
    new = _levers(after)
    return tuple(
        KeyChange(service=service, key=key, before=old.get((service, key)), after=new.get((service, key)))
        for service, key in sorted(old.keys() | new.keys())
        if old.get((service, key)) != new.get((service, key))
    )


def _levers(text: str | bytes) -> dict[tuple[str, str], str]:
    services = parse_stack(text).services
    return {(name, key): value for name, service in services.items() for key, value in service.levers().items()}


def tree(files: Mapping[str, bytes]) -> dict[str, File]:
    """Ordinary files as a tree."""
    return {path: File(data) for path, data in files.items()}


def with_files(base: Tree, new: Mapping[str, bytes | None]) -> dict[str, File]:
    """`base` with the files of `new` in it; None takes one away. A file keeps its mode."""
    head = dict(base)
    for path, data in new.items():
        if data is None:
            head.pop(path, None)
        else:
            head[path] = File(data, base[path].mode if path in base else REGULAR)
    return head


def tree_diff(base: Tree, head: Tree) -> tuple[FileChange, ...]:
    """Every file that differs in content or mode, in order of path."""
    found = []
    for path in sorted(base.keys() | head.keys()):
        old, new = base.get(path), head.get(path)
        if old == new:
            continue
        mode = (new or old or File(b"")).mode
        was = old.mode if old is not None and new is not None and old.mode != new.mode else None
        found.append(FileChange(path, mode, old.data if old else None, new.data if new else None, was))
    return tuple(found)
