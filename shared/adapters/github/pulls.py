"""Branches, pull requests, statuses and merges, written to GitHub. Fulfils `shared.source.Pulls`.

Nothing is repeated in here: each call can be made again as a whole, and finds what an earlier one did. A branch is
made by creating its ref, which GitHub does once; a commit of the same values has the same SHA.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from shared.adapters.github.budget import WriteBudget
from shared.adapters.github.lanes import turn
from shared.adapters.github.source import GitHubSource
from shared.adapters.github.wire import Answer, Refused, Wire
from shared.gitops.diff import REGULAR
from shared.ports import Permanent, Transient
from shared.source import NewCommit, Pull, StatusState

AUTHOR: Final = {"name": "sre-space", "email": "sre-space@users.noreply.localhost"}
MAX_DESCRIPTION: Final = 140
"""Characters of a status that GitHub takes."""


class GitHubPulls:
    """Thread-safe. Raises Transient (make the call again), Permanent."""

    def __init__(self, wire: Wire, source: GitHubSource, budget: WriteBudget) -> None:
        self._wire = wire
        self._source = source
        self._budget = budget
        self._path = f"/repos/{wire.address.repo}"

    def branch(self, name: str, commit: NewCommit) -> str:
        """Put the commit on a new branch; its SHA. Raises Permanent when the branch is there with another commit."""
        sha = self._commit(commit)
        answer = self._write("POST", "/git/refs", {"ref": f"refs/heads/{name}", "sha": sha}, accept={422})
        if answer.status == 422:
            stands = self._source.branch_head(name)
            if stands is None:
                raise Permanent(f"branch {name} cannot be made: {answer.text[:200]}")
            if stands != sha:
                raise Permanent(f"branch {name} is there already with another commit, {stands[:10]}")
        return sha

    def propose(self, branch: str, title: str, body: str, labels: tuple[str, ...]) -> Pull:
        """Open the pull request of a branch, or find it; with each label."""
        found = self._source.pulls_of(branch)
        if found:
            pull = found[0]
        else:
            new = {"title": title, "head": branch, "base": self._source.default_branch(), "body": body}
            answer = self._write("POST", "/pulls", new, creation=True, accept={422})
            if answer.status == 422:  # somebody may have opened it meanwhile
                if not (found := self._source.pulls_of(branch)):
                    raise Permanent(f"no pull request for {branch}: {answer.text[:200]}")
                pull = found[0]
            else:
                pull = self._source.pull(int(answer.json()["number"]))
        for label in labels:
            self.add_label(pull.number, label)
        return pull

    def status(self, sha: str, context: str, state: StatusState, description: str) -> None:
        """Say one status on a commit; the description is cut to what GitHub takes."""
        body = {"state": state, "context": context, "description": description[:MAX_DESCRIPTION]}
        self._write("POST", f"/statuses/{sha}", body)

    def merge(self, number: int, head_sha: str) -> Pull:
        """Merge at exactly `head_sha`. Raises Permanent when the head has moved or it cannot be merged."""
        pull = self._source.pull(number)
        if not pull.merged:
            if pull.head_sha != head_sha:
                raise Permanent(f"pull request {number} is at {pull.head_sha[:10]}, proved was {head_sha[:10]}")
            try:
                self._write("PUT", f"/pulls/{number}/merge", {"sha": head_sha, "merge_method": "merge"})
            except Refused as refusal:
                self._merged_meanwhile(number, refusal)
            pull = self._source.pull(number)
        if not pull.merged:
            raise Transient(f"pull request {number} is not shown as merged yet", 0.5)
        if pull.head_sha != head_sha:
            raise Permanent(f"pull request {number} was merged at {pull.head_sha[:10]}, proved was {head_sha[:10]}")
        return pull

    def _merged_meanwhile(self, number: int, refusal: Refused) -> None:
        """Whether a merge was refused because it was done already. Raises Transient while GitHub does not know yet
        whether it can be done, else the refusal."""
        found = self._wire.send("GET", f"{self._path}/pulls/{number}").json()
        if refusal.status not in (405, 409) or not found.get("merged"):
            if refusal.status == 405 and found["state"] == "open" and found.get("mergeable") is None:
                raise Transient(f"GitHub does not know yet whether pull request {number} can be merged", 1.0)
            raise refusal

    def close_pull(self, number: int) -> None:
        """Close it unmerged; closed already is fine."""
        self._write("PATCH", f"/pulls/{number}", {"state": "closed"})

    def add_label(self, number: int, label: str) -> None:
        """Put one label on it; there already is fine."""
        self._write("POST", f"/issues/{number}/labels", [label])

    def _commit(self, commit: NewCommit) -> str:
        before = self._source.files(commit.base, tuple(commit.files))
        entries: list[dict[str, Any]] = []
        for path, data in sorted(commit.files.items()):
            mode = before[path].mode if path in before else REGULAR
            if data is None:
                entries.append({"path": path, "mode": mode, "type": "blob", "sha": None})
            else:
                blob = {"content": base64.b64encode(data).decode(), "encoding": "base64"}
                sha = self._write("POST", "/git/blobs", blob).json()["sha"]
                entries.append({"path": path, "mode": mode, "type": "blob", "sha": sha})
        base = self._wire.send("GET", f"{self._path}/git/commits/{commit.base}").json()["tree"]["sha"]
        tree = self._write("POST", "/git/trees", {"base_tree": base, "tree": entries}).json()["sha"]
        if tree == base:
            raise Permanent("the commit would change nothing")
        who = {**AUTHOR, "date": commit.at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        new = {
            "message": commit.message,
            "tree": tree,
            "parents": [commit.base],
            "author": who,
            "committer": who,
        }
        return str(self._write("POST", "/git/commits", new).json()["sha"])

    def _write(
        self, method: str, path: str, body: object, *, creation: bool = False, accept: set[int] | None = None
    ) -> Answer:
        asked = turn("result")
        self._budget.acquire(asked.lane, creation, asked.patience)
        return self._wire.send(method, self._path + path, body=body, accept=accept or set())
