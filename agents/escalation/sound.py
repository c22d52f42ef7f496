"""Whether a change that somebody else wrote is whole, readable and inside its bounds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from shared.gitops.diff import FileChange
from shared.gitops.paths import shown
from shared.gitops.refusals import check_foreign
from shared.gitops.titles import check_title
from shared.incident.evidence import one_line
from shared.incident.parts import Predicate
from shared.source import Pull

ALLOWED: Final = ("protected_services/**",)
"""Where a Tier-3 agent may change anything."""


def sound(pull: Pull, files: Sequence[FileChange], head: str) -> Predicate:
    """Of a pull request: `files` is what it changes; `head` the commit it was joined at."""
    if not pull.open or pull.head_sha != head:
        return Predicate(name="sound", ok=False, detail="it was closed, or has moved since it was joined")
    wrong = [*check_title(pull.title), *faults(files)]
    return Predicate(name="sound", ok=not wrong, detail=one_line("; ".join(wrong) or f"{len(files)} files"))


def faults(files: Sequence[FileChange], existing: Iterable[str] = ()) -> tuple[str, ...]:
    """Everything wrong with the changed files; `existing`: the paths of the tree they are changed in."""
    outside = (f"{shown(f.path)}: outside of {', '.join(ALLOWED)}" for f in files if not _allowed(f.path))
    return (*outside, *check_foreign(files, existing=existing))


def _allowed(path: str) -> bool:
    return any(path == place or (place.endswith("/**") and path.startswith(place[:-2])) for place in ALLOWED)
