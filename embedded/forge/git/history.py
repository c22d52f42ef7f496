"""Logs and differences between commits."""

from collections.abc import Sequence
from dataclasses import dataclass

from embedded.forge.git.objects import Commit, Objects
from embedded.forge.git.repository import GitError, Repository

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
MAX_PATCH = 100_000
_STATUS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a difference. `patch` is None for binary files, pure renames and very large changes."""

    path: str
    status: str
    additions: int
    deletions: int
    sha: str | None
    patch: str | None
    previous: str | None


class History:
    def __init__(self, git: Repository) -> None:
        self._git = git
        self._objects = Objects(git)

    def log(self, *revisions: str, path: str | None = None, options: Sequence[str] = ()) -> list[str]:
        """Shas, newest first. `revisions` may exclude with a leading ^."""
        paths = ["--", path] if path else ["--"]
        return self._git.text("rev-list", *options, *revisions, *paths).split()

    def count(self, *revisions: str) -> int:
        return int(self._git.text("rev-list", "--count", *revisions))

    def commits(self, *revisions: str, path: str | None = None, options: Sequence[str] = ()) -> list[Commit]:
        return self._objects.commits(self.log(*revisions, path=path, options=options))

    def merge_base(self, a: str, b: str) -> str | None:
        """The best common ancestor; None for unrelated histories."""
        try:
            return self._git.text("merge-base", a, b).split("\n")[0]
        except GitError:
            return None

    def diff(self, old: str, new: str) -> list[FileChange]:
        """What changes from commit (or tree) `old` to `new`, renames found."""
        raw = self._git.run("diff-tree", "-r", "-z", "-M", "--raw", "--numstat", old, new).decode(
            "utf-8", "surrogateescape"
        )
        records, counts = _raw_and_numstat(raw.split("\0"))
        patches = self._patches(old, new)
        found = []
        for status, sha, previous, path in records:
            plus, minus = counts.get(path, (0, 0))
            blob = None if set(sha) == {"0"} else sha
            found.append(
                FileChange(path, _STATUS.get(status, "changed"), plus, minus, blob, patches.get(path), previous)
            )
        return found

    def patch_text(self, old: str, new: str) -> bytes:
        """The difference as `git diff` prints it."""
        return self._git.run("diff", "-M", "--no-color", "--no-ext-diff", old, new)

    def mail_text(self, base: str, head: str) -> bytes:
        """The commits as `git format-patch` writes them."""
        return self._git.run("format-patch", "--stdout", f"{base}..{head}")

    def _patches(self, old: str, new: str) -> dict[str, str]:
        """The hunks by path of the new (or removed) file."""
        text = self._git.run(
            "-c", "core.quotePath=false", "diff-tree", "-r", "-M", "-p", "--no-color", "--no-ext-diff", old, new
        ).decode("utf-8", "replace")
        found: dict[str, str] = {}
        for piece in ("\n" + text).split("\ndiff --git ")[1:]:
            head, at, hunks = piece.partition("\n@@ ")
            if not at:
                continue
            names = {line[:4]: line[4:].strip('"') for line in head.split("\n") if line[:4] in {"--- ", "+++ "}}
            name = names.get("+++ ", "")
            if name == "/dev/null":
                name = names.get("--- ", "")
            patch = "@@ " + hunks.rstrip("\n")
            if len(patch) <= MAX_PATCH:
                found[name.rstrip("\t")[2:]] = patch
        return found


def _raw_and_numstat(
    pieces: list[str],
) -> tuple[list[tuple[str, str, str | None, str]], dict[str, tuple[int, int]]]:
    """Take apart `diff-tree -z --raw --numstat`: (status, new sha, previous path, path), and lines added, removed."""
    records: list[tuple[str, str, str | None, str]] = []
    counts: dict[str, tuple[int, int]] = {}
    rest = iter(pieces)
    for piece in rest:
        if piece.startswith(":"):
            _, _, _, sha, status = piece.split(" ")
            moved = status[0] in "RC"
            previous = next(rest) if moved else None
            records.append((status[0], sha, previous, next(rest)))
        elif "\t" in piece:
            plus, minus, path = piece.split("\t")
            if not path:
                next(rest)
                path = next(rest)
            counts[path] = (int(plus) if plus != "-" else 0, int(minus) if minus != "-" else 0)
    return records, counts
