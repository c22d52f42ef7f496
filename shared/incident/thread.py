"""An issue and its comments as GitHub gives them: the untrusted input of `replay`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment. Times are GitHub's own, UTC, second resolution."""

    id: int
    author: str
    body: str
    created_at: datetime
    updated_at: datetime

    @property
    def edited(self) -> bool:
        return self.updated_at != self.created_at


@dataclass(frozen=True, slots=True)
class Thread:
    """One issue with all pages of its comments, in any order. `repo` is `owner/name`."""

    repo: str
    number: int
    title: str
    author: str
    body: str
    created_at: datetime
    updated_at: datetime
    closed: bool
    labels: frozenset[str]
    comments: tuple[Comment, ...]
    url: str
