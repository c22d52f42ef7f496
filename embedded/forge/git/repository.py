"""A bare git repository: run git in it, and its references as compare-and-swap cells."""

import os
import re
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ABSENT = "0" * 40
SHA = re.compile(r"[0-9a-f]{40}")


CONFIG = """\
[receive]
\thideRefs = refs/pull
\tautogc = false
[uploadpack]
\tallowFilter = true
[gc]
\tauto = 0
[core]
\tfilesRefLockTimeout = 2000
"""


class GitError(RuntimeError):
    """git said no; the text is its stderr."""


class RefExists(GitError):
    """The reference is there already."""


class RefMoved(GitError):
    """The reference is not where the caller thought."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference: its full name, what it points at, and the kind of object (commit, tag, tree, blob)."""

    name: str
    sha: str
    type: str


@dataclass(frozen=True, slots=True)
class RefChange:
    """A reference that came (`old` None), went (`new` None) or moved."""

    name: str
    old: str | None
    new: str | None


ISOLATED = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
    "HOME": "/nonexistent",
}
"""No configuration of the machine's user reaches the forge's git."""


class Repository:
    """Git objects and references of one bare repository. Reference writes are serialised in this process."""

    def __init__(self, path: Path, default_branch: str = "main") -> None:
        self.path = path
        self.default_branch = default_branch
        self._moving = threading.RLock()
        self._listeners: list[Callable[[Sequence[RefChange]], None]] = []
        self._env = {**os.environ, **ISOLATED, "GIT_DIR": str(path)}
        for name in ("GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"):
            self._env.pop(name, None)
        if not (path / "HEAD").exists():
            path.mkdir(parents=True, exist_ok=True)
            self.run("init", "--bare", "--quiet", str(path))
            self.run("symbolic-ref", "HEAD", f"refs/heads/{default_branch}")
            with (path / "config").open("a", encoding="utf-8") as config:
                config.write(CONFIG)
        self._known = self._snapshot()

    def run(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Run `git ARGS` and return stdout; GitError with stderr otherwise."""
        done = subprocess.run(
            ["git", *args], input=stdin, capture_output=True, env={**self._env, **(env or {})}, cwd="/", check=False
        )
        if done.returncode != 0:
            raise GitError(done.stderr.decode("utf-8", "replace").strip() or f"git {args[0]} exit {done.returncode}")
        return done.stdout

    def text(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """Like `run`, as stripped text."""
        return self.run(*args, stdin=stdin, env=env).decode("utf-8", "replace").strip()

    def resolve(self, name: str, kind: str = "commit") -> str | None:
        """The sha that a branch, tag or (abbreviated) sha names, peeled to `kind`; None when there is none."""
        if name.startswith("-") or not name or "\0" in name:
            return None
        full = (f"refs/heads/{name}", f"refs/tags/{name}", name)
        for candidate in full if not SHA.fullmatch(name) else (name,):
            try:
                return self.text("rev-parse", "--verify", "--quiet", f"{candidate}^{{{kind}}}")
            except GitError:
                continue
        return None

    def kind_of(self, sha: str) -> str | None:
        """commit, tree, blob or tag; None when there is no such object."""
        if not SHA.fullmatch(sha):
            return None
        try:
            return self.text("cat-file", "-t", sha)
        except GitError:
            return None

    def refs(self, prefix: str = "refs/") -> list[Ref]:
        """References whose name starts with `prefix` (any character, not only a folder), sorted by name."""
        folder = prefix[: prefix.rfind("/") + 1].rstrip("/")
        out = self.text("for-each-ref", "--format=%(objectname) %(objecttype) %(refname)", folder or "refs")
        found = (line.split(" ", 2) for line in out.splitlines())
        return [Ref(name, sha, kind) for sha, kind, name in found if name.startswith(prefix)]

    def ref(self, name: str) -> Ref | None:
        """The one reference with this full name."""
        return next((ref for ref in self.refs(name) if ref.name == name), None)

    @staticmethod
    def sound(name: str) -> bool:
        """Whether git would accept this as a full reference name."""
        if not name.startswith("refs/") or name.count("/") < 2 or name.startswith("-"):
            return False
        done = subprocess.run(["git", "check-ref-format", name], capture_output=True, check=False)
        return done.returncode == 0

    def create_ref(self, name: str, sha: str) -> None:
        """Create if absent: exactly one of any number of concurrent callers succeeds, the others get RefExists."""
        try:
            self._move(name, sha, ABSENT)
        except GitError as error:
            raise RefExists(str(error)) from error

    def update_ref(self, name: str, sha: str, old: str) -> None:
        """Move a reference that is at `old`, else RefMoved."""
        try:
            self._move(name, sha, old)
        except GitError as error:
            raise RefMoved(str(error)) from error

    def delete_ref(self, name: str) -> None:
        with self._moving:
            self.run("update-ref", "-d", name)
            self._tell([RefChange(name, self._known.pop(name, None), None)])

    def _move(self, name: str, sha: str, old: str) -> None:
        with self._moving:
            self.run("update-ref", name, sha, old)
            before = self._known.get(name)
            self._known[name] = sha
            if before != sha:
                self._tell([RefChange(name, before, sha)])

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether moving from `old` to `new` is a fast-forward."""
        try:
            self.run("merge-base", "--is-ancestor", old, new)
        except GitError:
            return False
        return True

    def on_refs(self, listener: Callable[[Sequence[RefChange]], None]) -> None:
        """Call `listener` with reference changes, in order, on the thread that made or noticed them."""
        self._listeners.append(listener)

    def reconcile(self) -> list[RefChange]:
        """Notice what moved behind our back (a push through http-backend), and tell the listeners."""
        with self._moving:
            current = self._snapshot()
            names = sorted(self._known.keys() | current.keys())
            moved = [RefChange(n, self._known.get(n), current.get(n)) for n in names]
            moved = [change for change in moved if change.old != change.new]
            self._known = current
            if moved:
                self._tell(moved)
            return moved

    def _snapshot(self) -> dict[str, str]:
        return {ref.name: ref.sha for ref in self.refs()}

    def _tell(self, moved: Sequence[RefChange]) -> None:
        for listener in self._listeners:
            listener(moved)
