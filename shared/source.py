"""The repository as commits and pull requests: what is read of it, and the few things that may be written.

Reading is for every agent. `Pulls` is handed to the Fixer and to Escalation alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from shared.gitops.diff import FileChange, Tree
from shared.ports import Commit

StatusState = Literal["pending", "success", "failure", "error"]
DEPLOY: str = "sre-space/deploy"
"""The context of the commit status in which a deployer says what became of a commit."""
OURS: str = "sre-space/"
"""How the names of the branches begin that the fleet makes itself."""


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """The newest word of one context on a commit. `by` is the login that said it, `since` when its first word was."""

    context: str
    state: StatusState
    description: str
    at: datetime
    by: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request. `merge_sha` and `merged_by` are there once it is merged."""

    number: int
    link: str
    title: str
    body: str
    author: str
    branch: str
    base_sha: str
    head_sha: str
    open: bool
    merge_sha: str | None = None
    merged_by: str | None = None

    @property
    def merged(self) -> bool:
        return self.merge_sha is not None


class Source(Protocol):
    """Commits and trees, by name. All raise Transient or Permanent; what is named by a SHA never changes."""

    def head(self) -> str:
        """The commit of the default branch, asked live."""
        ...

    def default_branch(self) -> str:
        """Its name."""
        ...

    def branch_head(self, name: str) -> str | None:
        """The commit of a branch, asked live; None where there is none."""
        ...

    def commit(self, sha: str) -> Commit: ...

    def difference(self, before: str, after: str) -> tuple[FileChange, ...]:
        """Every file that differs between two commits. Raises Permanent when it is too much to read."""
        ...

    def paths(self, sha: str) -> frozenset[str]:
        """The path of every file in the commit."""
        ...

    def files(self, sha: str, paths: tuple[str, ...]) -> Tree:
        """Those of `paths` that are in the commit."""
        ...

    def statuses(self, sha: str) -> tuple[CommitStatus, ...]:
        """The newest status of each context on a commit."""
        ...

    def pull(self, number: int) -> Pull:
        """Raises Permanent where there is no such pull request."""
        ...

    def was_closed(self, number: int) -> bool:
        """Whether a pull request was ever closed, also where somebody opened it again."""
        ...

    def pulls_of(self, branch: str) -> tuple[Pull, ...]:
        """Open and closed pull requests from a branch, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class NewCommit:
    """A commit to be made: the same values make the same SHA, so it can be made any number of times."""

    base: str
    files: Mapping[str, bytes | None]
    """None takes a file away. Modes stay."""
    message: str
    at: datetime


class Pulls(Protocol):
    """Each call may be made again after an ambiguous answer: it finds what it did."""

    def branch(self, name: str, commit: NewCommit) -> str:
        """Put the commit on a new branch; its SHA. Raises Permanent when the branch is there with another commit."""
        ...

    def propose(self, branch: str, title: str, body: str, labels: tuple[str, ...]) -> Pull:
        """Open the pull request of a branch, or find it."""
        ...

    def status(self, sha: str, context: str, state: StatusState, description: str) -> None: ...

    def merge(self, number: int, head_sha: str) -> Pull:
        """Merge at exactly `head_sha`. Raises Permanent when the head has moved or it cannot be merged."""
        ...

    def close_pull(self, number: int) -> None: ...

    def add_label(self, number: int, label: str) -> None: ...
