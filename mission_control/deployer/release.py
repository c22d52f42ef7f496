"""A release: one commit's services as files in a folder of their own, and what each of them consists of."""

from __future__ import annotations

import compileall
import hashlib
import os
import py_compile
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.adapters.git import git
from shared.gitops.stack import STACK, BadStack, Service, parse_stack

SOURCE: Final = "protected_services"
COMPOSE: Final = "docker-compose.yml"
SHARED: Final = (f"{SOURCE}/common/", f"{SOURCE}/__init__.py", f"{SOURCE}/faults.json")
"""What every service is made of besides its own package."""
_FILES: Final = frozenset(("100644", "100755"))
_MOST_FILES: Final = 2_000
_MOST_BYTES: Final = 20_000_000


class BadRelease(Exception):
    """This commit cannot be deployed, and never will be; the message is one line."""


class NoRelease(BadRelease):
    """The commit has no desired state at all."""


@dataclass(frozen=True, slots=True)
class Release:
    """What one commit says. `blobs`: path to git's name of its content, of everything that is in `folder`."""

    sha: str
    folder: Path
    blobs: Mapping[str, str]
    services: Mapping[str, Service]

    def source_of(self, service: str) -> str:
        """Changes when anything that `service` is made of does, and with nothing else."""
        return source_digest(service, self.blobs)


def source_digest(service: str, blobs: Mapping[str, str]) -> str:
    """Hex SHA-256 of the paths and contents that make `service`."""
    own = (f"{SOURCE}/{service.replace('-', '_')}/", *SHARED)
    lines = [f"{path} {blob}\n" for path, blob in sorted(blobs.items()) if path.startswith(own)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


class Releases:
    """Commits of one repository on this machine: `repository.git`, and `releases/SHA` for what was or is deployed."""

    def __init__(self, folder: Path, url: str, token: str | None) -> None:
        self._url, self._token = url, token
        self._git = folder / "repository.git"
        self._folder = folder / "releases"

    def make(self, sha: str) -> Release:
        """The release of this commit, fetched and laid out unless it is. Raises BadRelease or GitSaysNo."""
        self._fetch(sha)
        blobs = self._blobs(sha)
        if STACK not in blobs:
            raise NoRelease(f"{STACK} is not there")
        content = self._content(tuple(blobs.values()))
        try:
            stack = parse_stack(content[blobs[STACK]])
        except BadStack as bad:
            raise BadRelease(f"{STACK}: {bad}") from bad
        folder = self._folder / sha
        if not folder.exists():
            self._lay_out(folder, {path: content[blob] for path, blob in blobs.items()})
        return Release(sha, folder, blobs, stack.services)

    def between(self, old: str | None, new: str) -> tuple[str, ...]:
        """The commits of the first-parent line after `old` up to and without `new`, newest first, at most 20."""
        if old is None or old == new or not self._has(old):
            return ()
        if git(self._git, "rev-list", "-n", "1", old, f"^{new}"):
            return ()  # history was rewritten
        listed = git(self._git, "rev-list", "--first-parent", "-n", "21", new, f"^{old}").decode().split()
        return tuple(sha for sha in listed if sha != new)[:20]

    def prune(self, keep: Collection[str]) -> None:
        """Remove every release but these."""
        for folder in self._folder.iterdir() if self._folder.exists() else ():
            if folder.name not in keep:
                shutil.rmtree(folder, ignore_errors=True)

    def _fetch(self, sha: str) -> None:
        if not self._git.exists():
            fresh = self._git.with_name(f".{self._git.name}.{os.getpid()}")
            fresh.mkdir(parents=True, exist_ok=True)
            git(fresh, "init", "--quiet", "--bare")
            fresh.rename(self._git)
        if not self._has(sha):
            heads = "+refs/heads/*:refs/heads/*"
            git(self._git, "fetch", "--quiet", "--no-tags", "--prune", self._url, heads, token=self._token)
        if not self._has(sha):
            git(self._git, "fetch", "--quiet", "--no-tags", self._url, sha, token=self._token)

    def _has(self, sha: str) -> bool:
        found = git(self._git, "cat-file", "--batch-check", stdin=f"{sha}\n".encode())
        return b" commit " in found

    def _blobs(self, sha: str) -> dict[str, str]:
        listed = git(self._git, "ls-tree", "-r", "-z", "--full-tree", sha, "--", SOURCE, STACK, COMPOSE)
        blobs = {}
        for entry in listed.decode(errors="surrogateescape").split("\0")[:-1]:
            about, _, path = entry.partition("\t")
            mode, _, blob = about.split(" ")
            if mode not in _FILES:
                raise BadRelease(f"{path[:80]} is no ordinary file")
            blobs[path] = blob
        if len(blobs) > _MOST_FILES:
            raise BadRelease(f"{SOURCE} has more than {_MOST_FILES} files")
        return blobs

    def _content(self, blobs: tuple[str, ...]) -> dict[str, bytes]:
        said = git(self._git, "cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in blobs).encode())
        if len(said) > _MOST_BYTES:
            raise BadRelease(f"{SOURCE} is larger than {_MOST_BYTES} bytes")
        content, at = {}, 0
        for blob in blobs:
            end = said.index(b"\n", at)
            size = int(said[at:end].split(b" ")[2])
            content[blob] = said[end + 1 : end + 1 + size]
            at = end + size + 2
        return content

    def _lay_out(self, folder: Path, files: Mapping[str, bytes]) -> None:
        """Whole or not at all; compiled, so that services that start together do not each do it."""
        fresh = folder.with_name(f".{folder.name}.{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        for path, content in files.items():
            if {"..", ".", ""} & set(path.split("/")):
                raise BadRelease(f"{path[:80]} is no path")
            file = fresh / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        checked = py_compile.PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(fresh, quiet=2, invalidation_mode=checked)
        fresh.rename(folder)
