"""Follows the default branch: whatever its head is, is deployed; of several new commits the newest."""

from __future__ import annotations

import logging
import threading
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import requests
from docker.errors import DockerException

from mission_control.deployer.deploy import Deployer, Outcome
from mission_control.deployer.journal import Busy
from mission_control.deployer.release import NoRelease
from mission_control.github import GithubSaysNo, Repository
from shared.adapters.git import GitSaysNo

log = logging.getLogger("mission_control.deployer")

AGENT: Final = "sre-space-deployer"
AGAIN_AFTER: Final = 2.0
"""Seconds before what failed is tried again."""


class Head:
    """The head of the default branch, asked with a conditional GET: unchanged, it costs nothing of the rate limit."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._path = ""
        self._etag = ""
        self._sha = ""

    def now(self) -> str:
        """Its commit. Raises GithubSaysNo."""
        if not self._path:
            branch = str(self._repository.call("GET", "").json()["default_branch"])
            self._path = f"/git/ref/heads/{quote(branch)}"
        headers = {"If-None-Match": self._etag} if self._etag else {}
        answer = self._repository.call("GET", self._path, headers=headers)
        if answer.status_code != HTTPStatus.NOT_MODIFIED:
            self._sha, self._etag = str(answer.json()["object"]["sha"]), answer.headers.get("ETag") or ""
        return self._sha

    def is_not(self, sha: str) -> bool:
        """Whether it is known to be another commit."""
        try:
            return self.now() != sha
        except GithubSaysNo:
            return False


def follow(deployer: Deployer, head: Head, every: float, stop: threading.Event) -> None:
    """Until `stop` is set. `every`: seconds between two looks."""
    done = deployer.journal.sha if deployer.journal.finished else None
    trouble = ""
    while not stop.is_set():
        pause = every
        try:
            sha = head.now()
            if sha != done:
                outcome = _deploy(deployer, head, sha)
                done = sha if outcome is None or outcome.final else None
            deployer.pay()
            trouble = ""
        except (GithubSaysNo, GitSaysNo, Busy, DockerException, requests.RequestException) as no:
            if str(no) != trouble:
                log.warning("later: %s", no)
            trouble, pause = str(no), AGAIN_AFTER
        stop.wait(pause)


def _deploy(deployer: Deployer, head: Head, sha: str) -> Outcome | None:
    """None when there is nothing to deploy in this commit."""
    try:
        return deployer.deploy(sha, lambda: head.is_not(sha))
    except NoRelease as no:
        log.warning("%s: %s", sha[:10], no)
        return None
