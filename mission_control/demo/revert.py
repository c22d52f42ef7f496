"""What GitHub shows of a bad commit and of the pull request that takes it back; the fleet is not asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from mission_control.github import Repository

STACK: Final = "deploy/stack.yaml"


@dataclass(slots=True)
class RevertWatch:
    """Begun before the commit is made. All of it raises GithubSaysNo."""

    repository: Repository
    several_accounts: bool
    """Whether a developer and the fleet can be told apart by their logins."""
    _known: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        self._known = frozenset(row["number"] for row in self.repository.pages("/pulls", state="all"))

    def pulls(self) -> list[dict[str, Any]]:
        """The pull requests that were opened since, oldest first."""
        rows = self.repository.pages("/pulls", state="all")
        return sorted((row for row in rows if row["number"] not in self._known), key=lambda row: int(row["number"]))

    def wrong(self, commit: str, issue: int) -> Iterator[str]:
        """What is not as it should be in the end; `commit` is the bad one, `issue` the incident's number."""
        pulls = self.pulls()
        if len(pulls) != 1:
            yield f"{len(pulls)} pull requests were opened, not one"
        if not pulls or not pulls[-1]["merged_at"]:
            return
        pull = pulls[-1]
        closed = self.repository.call("GET", f"/issues/{issue}").json()["closed_at"]
        if closed and datetime.fromisoformat(closed) < datetime.fromisoformat(pull["merged_at"]):
            yield "the issue was closed before the merge"
        bad = self.repository.call("GET", f"/commits/{commit}").json()
        if self._stack(bad["parents"][0]["sha"]) != self._stack(pull["merge_commit_sha"]):
            yield f"{STACK} is not what it was before {commit[:10]}"
        if self.several_accounts and (bad["author"] or {}).get("login") == pull["user"]["login"]:
            yield f"{commit[:10]} is by the fleet itself"

    def _stack(self, ref: str) -> str:
        """The file's blob in a commit."""
        return str(self.repository.call("GET", f"/contents/{STACK}?ref={quote(ref)}").json()["sha"])
