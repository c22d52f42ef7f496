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
from typing import Final

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
                with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                    archive.extractall(scratch, filter="data")
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
