"""Commits, trees, blobs and tags: read them, write them."""

import re
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from embedded.forge.git.repository import GitError, Repository

_PERSON = re.compile(r"(?P<name>.*?) ?<(?P<email>[^>]*)> (?P<at>-?\d+) (?P<zone>[+-]\d{4})")
_FORBIDDEN = re.compile(r"[<>\n\0]")


@dataclass(frozen=True, slots=True)
class Person:
    """Who wrote a commit and when (`date` is ISO 8601 UTC, second resolution)."""

    name: str
    email: str
    date: str

    def line(self) -> str:
        """As a commit object spells it."""
        at = datetime.fromisoformat(self.date)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        offset = at.strftime("%z")[:5] or "+0000"
        name, email = _FORBIDDEN.sub("", self.name).strip() or "nobody", _FORBIDDEN.sub("", self.email)
        return f"{name} <{email}> {int(at.timestamp())} {offset}"


@dataclass(frozen=True, slots=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """`mode` as git writes it (100644, 100755, 120000, 040000, 160000); `size` in bytes, blobs only."""

    path: str
    mode: str
    type: str
    sha: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    sha: str
    tag: str
    message: str
    tagger: Person
    object_sha: str
    object_type: str


def person(text: str) -> Person:
    """Read `Name <mail> 1700000000 +0100`."""
    match = _PERSON.fullmatch(text)
    if match is None:
        return Person(text, "", "1970-01-01T00:00:00Z")
    date = datetime.fromtimestamp(int(match["at"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Person(match["name"], match["email"], date)


def this_moment(name: str, email: str) -> Person:
    return Person(name, email, datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


class Objects:
    """Git's objects in one repository. Shas are 40 hex digits; a missing object is a GitError."""

    def __init__(self, git: Repository) -> None:
        self._git = git

    def commits(self, shas: Sequence[str]) -> list[Commit]:
        """Several commits with one run of git."""
        if not shas:
            return []
        out = self._git.run("cat-file", "--batch", stdin="\n".join(shas).encode() + b"\n")
        found = []
        for _ in shas:
            header, _, out = out.partition(b"\n")
            parts = header.decode().split(" ")
            if len(parts) != 3 or parts[1] != "commit":
                raise GitError(f"not a commit: {header.decode('utf-8', 'replace')}")
            size = int(parts[2])
            found.append(_commit(parts[0], out[:size].decode("utf-8", "replace")))
            out = out[size + 1 :]
        return found

    def commit(self, sha: str) -> Commit:
        return self.commits([sha])[0]

    def tree(self, sha: str, *, recursive: bool = False) -> list[TreeEntry]:
        """The entries of a tree; recursive lists those below as well, with whole paths."""
        flags = ["-r", "-t"] if recursive else []
        out = self._git.run("ls-tree", "-l", "-z", *flags, sha).decode("utf-8", "surrogateescape")
        return [_entry(line) for line in out.split("\0") if line]

    def entry(self, commit: str, path: str) -> TreeEntry | None:
        """What is at `path` in a commit."""
        if not path:
            return TreeEntry("", "040000", "tree", self.commit(commit).tree)
        out = self._git.run("ls-tree", "-l", "-z", commit, "--", path).decode("utf-8", "surrogateescape")
        return next((_entry(line) for line in out.split("\0") if line), None)

    def blob(self, sha: str) -> bytes:
        return self._git.run("cat-file", "blob", sha)

    def tag(self, sha: str) -> Tag:
        """An annotated tag."""
        head, _, message = self._git.run("cat-file", "tag", sha).decode("utf-8", "replace").partition("\n\n")
        lines = dict(line.partition(" ")[::2] for line in head.split("\n"))
        return Tag(
            sha, lines["tag"], message.rstrip("\n"), person(lines.get("tagger", "")), lines["object"], lines["type"]
        )

    def write_blob(self, content: bytes) -> str:
        return self._git.text("hash-object", "-w", "--stdin", stdin=content)

    def write_tree(self, base: str | None, entries: Iterable[tuple[str, str, str | None]]) -> str:
        """A tree from `base` with (path, mode, sha) put in; sha None takes the path out."""
        lines = [
            f"{mode} {sha}\t{path}" if sha else f"0 {'0' * 40}\t{path}"
            for path, mode, sha in entries
            if mode != "040000"
        ]
        folders = [(path, sha) for path, mode, sha in entries if mode == "040000"]
        with tempfile.TemporaryDirectory() as scratch:
            env = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            self._git.run("read-tree", base or "--empty", env=env)
            for path, sha in folders:
                self._git.run("rm", "-r", "--cached", "--quiet", "--ignore-unmatch", "--", path, env=env)
                if sha:
                    self._git.run("read-tree", f"--prefix={path.rstrip('/')}/", sha, env=env)
            data = "\0".join(lines).encode("utf-8", "surrogateescape")
            self._git.run(
                "update-index",
                "--add",
                "--replace",
                "-z",
                "--index-info",
                stdin=data + b"\0" if lines else b"",
                env=env,
            )
            return self._git.text("write-tree", env=env)

    def write_commit(self, tree: str, parents: Sequence[str], message: str, author: Person, committer: Person) -> str:
        """A commit with exactly this author and committer. Every parent must be there."""
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {author.line()}", f"committer {committer.line()}", "", message]
        raw = "\n".join(lines).encode("utf-8", "surrogateescape")
        return self._git.text("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw)

    def write_tag(self, name: str, target: str, kind: str, message: str, tagger: Person) -> str:
        raw = f"object {target}\ntype {kind}\ntag {name}\ntagger {tagger.line()}\n\n{message}\n"
        return self._git.text("hash-object", "-t", "tag", "-w", "--stdin", stdin=raw.encode())


def _commit(sha: str, raw: str) -> Commit:
    head, _, message = raw.partition("\n\n")
    lines = [line for line in head.split("\n") if not line.startswith(" ")]
    pairs = [line.partition(" ")[::2] for line in lines]
    named = {name: value for name, value in pairs if name != "parent"}
    parents = tuple(value for name, value in pairs if name == "parent")
    return Commit(
        sha, named["tree"], parents, person(named["author"]), person(named["committer"]), message.rstrip("\n")
    )


def _entry(line: str) -> TreeEntry:
    meta, _, path = line.partition("\t")
    mode, kind, sha, size = meta.split()
    return TreeEntry(path, mode, kind, sha, int(size) if size.isdecimal() else None)
