"""A repository that a developer and the fleet both write to: in memory, and on a running forge."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from shared.adapters.github.pulls import GitHubPulls
from shared.adapters.github.source import GitHubSource
from shared.gitops.diff import File
from shared.source import NewCommit, Pulls, Source, StatusState
from shared.testing.clock import VirtualClock
from shared.testing.source import MemoryForge
from tests.adapters.github_world import AMPLE, ForgeProcess

Content = bytes | File | None
BEGUN: dict[str, bytes | File] = {
    "a.txt": b"one\ntwo\nthree\nfour\nfive\nsix\n",
    "run.sh": File(b"#!/bin/sh\n", "100755"),
    "gone.txt": b"old\n",
}
AT = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


class Developer(Protocol):
    """What people do to the repository without the fleet."""

    def push(self, files: Mapping[str, Content], message: str, branch: str = "main") -> str: ...

    def merge(self, number: int) -> str: ...

    def reopen(self, number: int) -> None: ...

    def say(self, sha: str, context: str, state: StatusState, description: str) -> None: ...


@dataclass(frozen=True, slots=True)
class SourceWorld:
    """`root` is the folder that this test's files are in, `head` the commit that has BEGUN in it."""

    source: Source
    pulls: Pulls
    developer: Developer
    root: str
    head: str

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def commit(self, files: Mapping[str, bytes | None], message: str = "Change it", base: str = "") -> NewCommit:
        return NewCommit(base or self.head, {self.path(n): data for n, data in files.items()}, message, AT)

    def push(self, files: Mapping[str, Content], message: str = "Push", branch: str = "main") -> str:
        return self.developer.push({self.path(n): data for n, data in files.items()}, message, branch)

    def branch(self, name: str = "fix") -> str:
        """A name that nobody has used."""
        return f"sre-space/{self.root}-{name}"


class _InMemory:
    def __init__(self, forge: MemoryForge) -> None:
        self._forge = forge

    def push(self, files: Mapping[str, Content], message: str, branch: str = "main") -> str:
        self._forge.clock.advance(1)
        return self._forge.push(files, message, branch=branch)

    def merge(self, number: int) -> str:
        return self._forge.merge_as("operator", number)

    def reopen(self, number: int) -> None:
        self._forge.reopen_as(number)

    def say(self, sha: str, context: str, state: StatusState, description: str) -> None:
        self._forge.say_status(sha, context, state, description, "operator")


class _OverRest:
    def __init__(self, forge: ForgeProcess) -> None:
        self._forge = forge

    def push(self, files: Mapping[str, Content], message: str, branch: str = "main") -> str:
        call = self._forge.call
        head = call("GET", f"/git/ref/heads/{branch}")["object"]["sha"]
        entries: list[dict[str, Any]] = []
        for path, content in files.items():
            file = File(content) if isinstance(content, bytes) else content or File(b"")
            entry: dict[str, Any] = {"path": path, "mode": file.mode, "type": "blob", "sha": None}
            if content is not None:
                blob = {"content": base64.b64encode(file.data).decode(), "encoding": "base64"}
                entry["sha"] = call("POST", "/git/blobs", blob)["sha"]
            entries.append(entry)
        base = call("GET", f"/git/commits/{head}")["tree"]["sha"]
        tree = call("POST", "/git/trees", {"base_tree": base, "tree": entries})["sha"]
        sha: str = call("POST", "/git/commits", {"message": message, "tree": tree, "parents": [head]})["sha"]
        call("PATCH", f"/git/refs/heads/{branch}", {"sha": sha})
        return sha

    def merge(self, number: int) -> str:
        sha: str = self._forge.call("PUT", f"/pulls/{number}/merge", {"merge_method": "merge"})["sha"]
        return sha

    def reopen(self, number: int) -> None:
        self._forge.call("PATCH", f"/pulls/{number}", {"state": "open"})

    def say(self, sha: str, context: str, state: StatusState, description: str) -> None:
        body = {"state": state, "context": context, "description": description}
        self._forge.call("POST", f"/statuses/{sha}", body)


def in_memory() -> SourceWorld:
    forge = MemoryForge(VirtualClock(), {"README.md": b"# market\n"})
    account = forge.account("fleet-bot")
    return _begun(account, account, _InMemory(forge))


def over_rest(forge: ForgeProcess, folder: Path) -> SourceWorld:
    github = forge.connect("fleet-bot", folder, windows=AMPLE)
    source = GitHubSource(github.wire)
    return _begun(source, GitHubPulls(github.wire, source, github.budget), _OverRest(forge))


def _begun(source: Source, pulls: Pulls, developer: Developer) -> SourceWorld:
    root = f"t{uuid.uuid4().hex[:10]}"
    head = developer.push({f"{root}/{name}": data for name, data in BEGUN.items()}, "Begin the test")
    return SourceWorld(source, pulls, developer, root, head)
