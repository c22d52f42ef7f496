"""A prepared patch on a fresh clone: whether it applies, and the branch and the pull request made of it."""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from embedded.jules.library import Prepared

LOGIN = "google-labs-jules[bot]"
"""Whose pull requests they are, as on GitHub."""
EMAIL = "161369871+google-labs-jules[bot]@users.noreply.github.com"
TIMEOUT = 30.0
"""Seconds for one git command, and for one request."""


class NotNow(Exception):
    """The forge does not answer; the same may work later."""


class Cannot(Exception):
    """It will not work: the message says why."""


@dataclass(frozen=True, slots=True)
class Forge:
    """Where the repository is. `url`: of its pages and of git; the REST API is below `/api/v3`."""

    url: str
    repo: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the pull request says. `branch` ends in the session's number."""

    branch: str
    base: str
    title: str
    body: str


class Workshop:
    """Everything may be done twice: what is there already is used."""

    def __init__(self, forge: Forge) -> None:
        self._forge = forge
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"token {forge.token}"

    def why_not(self, prepared: Prepared, branch: str) -> str:
        """Why the patch does not fit the code on `branch`; empty when it does. Raises NotNow or Cannot."""
        with tempfile.TemporaryDirectory(prefix="jules-") as scratch:
            tree = self._clone(Path(scratch), branch)
            (Path(scratch) / "patch").write_text(prepared.patch, encoding="utf-8")
            return self._git(tree, "apply", "--check", "../patch", refused="say")

    def propose(self, prepared: Prepared, proposal: Proposal, *, pull: bool) -> tuple[dict[str, Any], ...]:
        """The session's outputs, once its branch is pushed and its pull request open. Raises NotNow or Cannot."""
        with tempfile.TemporaryDirectory(prefix="jules-") as scratch:
            tree = self._clone(Path(scratch), proposal.base)
            base = self._git(tree, "rev-parse", "HEAD").strip()
            (Path(scratch) / "patch").write_text(prepared.patch, encoding="utf-8")
            self._git(tree, "apply", "--index", "../patch")
            diff = self._git(tree, "diff", "--cached")
            if pull and not self._git(tree, "ls-remote", "origin", f"refs/heads/{proposal.branch}"):
                self._git(tree, "commit", "--quiet", "-m", f"{prepared.title}\n\n{prepared.why}")
                self._git(tree, "push", "--quiet", "origin", f"HEAD:refs/heads/{proposal.branch}")
        change = {"unidiffPatch": diff, "baseCommitId": base, "suggestedCommitMessage": prepared.title}
        outputs: tuple[dict[str, Any], ...] = ({"changeSet": {"source": "", "gitPatch": change}},)
        if pull:
            outputs = ({"pullRequest": self._pull(proposal)}, *outputs)
        return outputs

    def branches(self, name: str) -> bool:
        """Whether a branch is there."""
        return self._call("GET", f"/git/ref/heads/{name}", missing_ok=True) is not None

    def close(self) -> None:
        self._session.close()

    def _pull(self, proposal: Proposal) -> dict[str, str]:
        owner = self._forge.repo.split("/")[0]
        found = self._call("GET", f"/pulls?state=all&head={owner}:{proposal.branch}")
        wish = {"title": proposal.title, "body": proposal.body, "head": proposal.branch, "base": proposal.base}
        opened = found[0] if found else self._call("POST", "/pulls", wish)
        return {
            "url": str(opened["html_url"]),
            "title": str(opened["title"]),
            "description": str(opened["body"] or ""),
            "baseRef": proposal.base,
            "headRef": proposal.branch,
        }

    def _call(self, method: str, path: str, value: object = None, *, missing_ok: bool = False) -> Any:
        url = f"{self._forge.url}/api/v3/repos/{self._forge.repo}{path}"
        try:
            answer = self._session.request(method, url, json=value, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise NotNow(f"the forge: {type(error).__name__}") from error
        if answer.status_code == 404 and missing_ok:
            return None
        if answer.status_code == 429 or answer.status_code >= 500:
            raise NotNow(f"the forge answered {answer.status_code}")
        if answer.status_code >= 400:
            raise Cannot(f"the forge answered {answer.status_code}: {answer.text[:200]}")
        return answer.json()

    def _clone(self, scratch: Path, branch: str) -> Path:
        if not self.branches(branch):
            raise Cannot(f"{self._forge.repo} has no branch {branch[:100]}")
        url = f"{self._forge.url}/{self._forge.repo}.git"
        self._git(scratch, "clone", "--quiet", "--depth", "1", "--branch", branch, "--", url, "tree")
        return scratch / "tree"

    def _git(self, folder: Path, *arguments: str, refused: str = "raise") -> str:
        """git's output; with `refused="say"` what it complained of, empty when it did not."""
        secret = base64.b64encode(f"x-access-token:{self._forge.token}".encode()).decode()
        config = {"safe.directory": "*", "http.extraHeader": f"Authorization: Basic {secret}"}
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
        env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
        for who in ("AUTHOR", "COMMITTER"):
            env |= {f"GIT_{who}_NAME": LOGIN, f"GIT_{who}_EMAIL": EMAIL}
        env["GIT_CONFIG_COUNT"] = str(len(config))
        for n, (key, value) in enumerate(config.items()):
            env |= {f"GIT_CONFIG_KEY_{n}": key, f"GIT_CONFIG_VALUE_{n}": value}
        try:
            done = subprocess.run(
                ["git", *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired as slow:
            raise NotNow(f"git {arguments[0]} took longer than {TIMEOUT:.0f} s") from slow
        if refused == "say":
            return done.stderr.strip()[:500] if done.returncode else ""
        if done.returncode:
            kind = NotNow if arguments[0] in ("clone", "push", "ls-remote") else Cannot
            raise kind(f"git {arguments[0]}: {done.stderr.strip()[:300]}")
        return done.stdout
