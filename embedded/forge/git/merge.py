"""Merging without a working copy: merge commit, squash, rebase."""

import tempfile
from pathlib import Path

from embedded.forge.git.history import EMPTY_TREE, History
from embedded.forge.git.objects import Objects, Person
from embedded.forge.git.repository import GitError, Repository


class Conflict(GitError):
    """The changes do not fit together."""


class Merger:
    """Three-way merges in a temporary index, the way that works with every git of the last ten years."""

    def __init__(self, git: Repository) -> None:
        self._git = git
        self._objects = Objects(git)
        self._history = History(git)

    def tree(self, base: str, ours: str, theirs: str) -> str:
        """The tree that has the changes base→ours and base→theirs; Conflict when they touch the same lines."""
        with tempfile.TemporaryDirectory() as scratch:
            work = Path(scratch) / "work"
            work.mkdir()
            env = {"GIT_INDEX_FILE": str(Path(scratch) / "index"), "GIT_WORK_TREE": str(work)}
            try:
                self._git.run("read-tree", "-i", "-m", "--aggressive", base, ours, theirs, env=env)
                self._git.run("-C", str(work), "merge-index", "-o", "-q", "git-merge-one-file", "-a", env=env)
                return self._git.text("write-tree", env=env)
            except GitError as error:
                raise Conflict(str(error)) from error

    def _base(self, ours: str, theirs: str) -> str:
        return self._history.merge_base(ours, theirs) or EMPTY_TREE

    def merged_tree(self, ours: str, theirs: str) -> str:
        """The tree of a merge of two commits."""
        return self.tree(self._base(ours, theirs), ours, theirs)

    def merge(self, ours: str, theirs: str, message: str, who: Person) -> str:
        """A merge commit of `theirs` into `ours`."""
        return self._objects.write_commit(self.merged_tree(ours, theirs), [ours, theirs], message, who, who)

    def squash(self, ours: str, theirs: str, message: str, author: Person, who: Person) -> str:
        """One commit on `ours` with all that `theirs` brings."""
        return self._objects.write_commit(self.merged_tree(ours, theirs), [ours], message, author, who)

    def rebase(self, ours: str, theirs: str, who: Person) -> str:
        """The commits of `theirs` one after the other on top of `ours`; the sha of the last."""
        tip = ours
        for commit in self._history.commits(theirs, f"^{ours}", options=["--reverse", "--no-merges"]):
            parent = commit.parents[0] if commit.parents else EMPTY_TREE
            tree = self.tree(parent, tip, commit.sha)
            tip = self._objects.write_commit(tree, [tip], commit.message, commit.author, who)
        return tip
