"""Commits, trees and pull requests, read from GitHub. Fulfils `shared.source.Source`."""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import Any, Final, TypeVar

from shared.adapters.github import parse
from shared.adapters.github.conditional import Conditional
from shared.adapters.github.wire import Wire
from shared.gitops.diff import File, FileChange, Tree
from shared.ports import Commit, Permanent
from shared.source import CommitStatus, Pull

MOST_FILES: Final = 60
"""Files of one difference that are read."""
MOST_BYTES: Final = 400_000
"""Of one file."""
KEPT: Final = 200
T = TypeVar("T")
_Entries = dict[str, tuple[str, str, int]]
"""By path: mode, blob, bytes."""


class GitHubSource:
    """Thread-safe. Trees and blobs are asked for once: they are what they are."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._pages = Conditional(wire)
        self._path = f"/repos/{wire.address.repo}"
        self._lock = Lock()
        self._known: OrderedDict[str, Any] = OrderedDict()
        self._default = ""

    def head(self) -> str:
        """The commit of the default branch, asked live; for nothing while it stays."""
        path = f"{self._path}/git/ref/heads/{self.default_branch()}"
        return str(self._pages.one(path, lambda answer: answer["object"]["sha"]))

    def branch_head(self, name: str) -> str | None:
        """The commit of a branch, asked live; None where there is none."""
        answer = self._wire.send("GET", f"{self._path}/git/ref/heads/{name}", accept={404})
        return None if answer.status == 404 else str(answer.json()["object"]["sha"])

    def default_branch(self) -> str:
        """Its name, asked for once."""
        if not self._default:
            self._default = str(self._get("")["default_branch"])
        return self._default

    def commit(self, sha: str) -> Commit:
        return self._once(f"commit {sha}", lambda: parse.commit(self._get(f"/commits/{sha}")))

    def difference(self, before: str, after: str) -> tuple[FileChange, ...]:
        """Every file that differs. Raises Permanent for more than MOST_FILES or a file above MOST_BYTES."""
        old, new = self._tree(before), self._tree(after)
        paths = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
        if len(paths) > MOST_FILES:
            raise Permanent(f"{len(paths)} files differ between {before[:10]} and {after[:10]}: too many to read")
        return tuple(self._change(path, old.get(path), new.get(path)) for path in paths)

    def paths(self, sha: str) -> frozenset[str]:
        """The path of every file in the commit."""
        return frozenset(self._tree(sha))

    def files(self, sha: str, paths: tuple[str, ...]) -> Tree:
        """Those of `paths` that are in the commit."""
        tree = self._tree(sha)
        return {p: File(self._blob(tree[p]), tree[p][0]) for p in paths if p in tree}

    def statuses(self, sha: str) -> tuple[CommitStatus, ...]:
        """The newest status of each context, of the newest hundred."""
        newest: dict[str, CommitStatus] = {}
        for item in self._get(f"/commits/{sha}/statuses?per_page=100"):
            said = parse.status(item)
            newest[said.context] = replace(newest.get(said.context, said), since=said.at)
        return tuple(newest.values())

    def pull(self, number: int) -> Pull:
        return parse.pull(self._get(f"/pulls/{number}"))

    def was_closed(self, number: int) -> bool:
        """Whether a pull request was ever closed, as its first hundred events tell."""
        return any(event.get("event") == "closed" for event in self._get(f"/issues/{number}/events?per_page=100"))

    def pulls_of(self, branch: str) -> tuple[Pull, ...]:
        """Open and closed pull requests from a branch of this repository, newest first."""
        owner = self._wire.address.repo.partition("/")[0]
        listed = self._get(f"/pulls?state=all&head={owner}:{branch}&per_page=20")
        numbers = [int(item["number"]) for item in listed if item["head"]["ref"] == branch]
        return tuple(self.pull(number) for number in numbers)

    def _get(self, path: str) -> Any:
        return self._wire.send("GET", self._path + path).json()

    def _tree(self, sha: str) -> _Entries:
        return self._once(f"tree {sha}", lambda: self._read_tree(sha))

    def _read_tree(self, sha: str) -> _Entries:
        body = self._get(f"/git/trees/{sha}?recursive=1")
        if body.get("truncated"):
            raise Permanent(f"the tree of {sha[:10]} is too large to be read at once")
        return {
            str(e["path"]): (str(e["mode"]), str(e["sha"]), int(e.get("size") or 0))
            for e in body["tree"]
            if e["type"] != "tree"
        }

    def _change(self, path: str, old: tuple[str, str, int] | None, new: tuple[str, str, int] | None) -> FileChange:
        before = self._blob(old) if old else None
        after = self._blob(new) if new else None
        mode = (new or old or ("", "", 0))[0]
        was = old[0] if old and new and old[0] != new[0] else None
        return FileChange(path, mode, before, after, was)

    def _blob(self, entry: tuple[str, str, int]) -> bytes:
        mode, sha, size = entry
        if mode == "160000":
            return sha.encode()
        if size > MOST_BYTES:
            raise Permanent(f"blob {sha[:10]} has {size} bytes: too much to read")
        return self._once(
            f"blob {sha}", lambda: base64.b64decode("".join(self._get(f"/git/blobs/{sha}")["content"].split()))
        )

    def _once(self, key: str, read: Callable[[], T]) -> T:
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                found: T = self._known[key]
                return found
        value = read()
        with self._lock:
            self._known[key] = value
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return value
