"""git as the fleet runs it: nothing of the user's configuration, no prompt, no secret on a command line."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

from shared.ports import Permanent, Transient

TIMEOUT: Final = 60.0
"""Seconds one call may take."""

AS_COMMITTED: Final = "* -export-ignore -export-subst -text -ident -filter -working-tree-encoding !eol\n"
"""Above a commit's own .gitattributes, which else decide what of it an archive shows, and how."""


class GitSaysNo(Exception):
    """git failed; the message is its own."""


def git(
    folder: Path, *arguments: str, token: str | None = None, date: str | None = None, stdin: bytes | None = None
) -> bytes:
    """What git says in `folder`. `token` goes into a header that never shows in `ps`. Raises GitSaysNo."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LC_ALL": "C"}
    env |= {name: os.environ[name] for name in ("HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE") if name in os.environ}
    env |= {"NO_PROXY": "127.0.0.1,localhost", "GIT_TERMINAL_PROMPT": "0"}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for who in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{who}_NAME": "sre-space", f"GIT_{who}_EMAIL": "sre-space@users.noreply.localhost"}
        env |= {f"GIT_{who}_DATE": date} if date else {}
    config = {"safe.directory": "*", "gc.auto": "0"}
    if token:
        secret = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        config["http.extraHeader"] = f"Authorization: Basic {secret}"
    env["GIT_CONFIG_COUNT"] = str(len(config))
    for n, (key, value) in enumerate(config.items()):
        env |= {f"GIT_CONFIG_KEY_{n}": key, f"GIT_CONFIG_VALUE_{n}": value}
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, env=env, input=stdin, capture_output=True, timeout=TIMEOUT, check=False
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        raise GitSaysNo(f"git {arguments[0]}: {error}") from error
    if done.returncode != 0:
        raise GitSaysNo(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


class GitTrees:
    """Commits of one repository as files. Fulfils `shared.proof.Trees`. `url` is git's; `folder` keeps a bare clone."""

    def __init__(self, folder: Path, url: str, token: str | None) -> None:
        self._git = folder / "repository.git"
        self._url = url
        self._token = token
        self._lock = threading.Lock()

    @contextmanager
    def tree(self, sha: str) -> Iterator[Path]:
        """A folder with the files of a commit, gone afterwards. Links that lead out of it are refused.

        Raises Transient when the repository does not answer, Permanent when the commit's files cannot be had.
        """
        with tempfile.TemporaryDirectory(prefix="sre-space-tree-") as scratch:
            try:
                self._fetch(sha)
                packed = git(self._git, "archive", "--format=tar", sha)
            except GitSaysNo as no:
                raise Transient(str(no)) from no
            try:
                _lay_out(packed, Path(scratch).resolve())
            except (tarfile.TarError, OSError) as error:
                raise Permanent(f"the files of {sha[:10]} cannot be laid out: {error}") from error
            yield Path(scratch)

    def _fetch(self, sha: str) -> None:
        with self._lock:
            if not (self._git / "HEAD").exists():
                self._git.mkdir(parents=True, exist_ok=True)
                git(self._git, "init", "--quiet", "--bare")
            attributes = self._git / "info" / "attributes"
            if not attributes.exists():
                attributes.parent.mkdir(exist_ok=True)
                attributes.write_text(AS_COMMITTED, encoding="ascii")
            found = git(self._git, "cat-file", "--batch-check", stdin=f"{sha}\n".encode())
            if b" commit " not in found:
                heads = "+refs/heads/*:refs/heads/*"
                git(self._git, "fetch", "--quiet", "--no-tags", "--prune", self._url, heads, token=self._token)


def _lay_out(packed: bytes, folder: Path) -> None:
    """Unpack a commit's archive: folders, files, and links that stay inside. Raises TarError or OSError.

    tarfile's own data filter came with Python 3.11.4, and Debian 12 has 3.11.2.
    """
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for entry in archive:
            target = folder / entry.name
            if not target.parent.resolve().is_relative_to(folder):
                raise tarfile.TarError(f"{entry.name[:80]!r} leads out of it")
            if entry.isdir():
                target.mkdir(exist_ok=True)
            elif entry.isreg():
                with target.open("xb") as file:  # never through a link
                    file.write(cast(IO[bytes], archive.extractfile(entry)).read())
                target.chmod(0o755 if entry.mode & 0o100 else 0o644)
            elif entry.issym():
                if not (target.parent / entry.linkname).resolve().is_relative_to(folder):
                    raise tarfile.TarError(f"the link {entry.name[:80]!r} leads out of it")
                target.symlink_to(entry.linkname)
            else:
                raise tarfile.TarError(f"{entry.name[:80]!r} is no file, folder or link")
