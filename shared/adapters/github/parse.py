"""GitHub's JSON as our own types (shapes: https://docs.github.com/en/rest/issues?apiVersion=2022-11-28)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.incident.thread import Comment, Thread
from shared.ports import Commit, Labelled
from shared.source import CommitStatus, Pull

Json = dict[str, Any]
GHOST = "ghost"
"""Whom GitHub shows as the author when the account is gone."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An issue in a list. `pull`: it is a pull request, which GitHub lists among the issues."""

    thread: Thread
    pull: bool


def listed(repo: str, issue: Json) -> Listed:
    thread = Thread(
        repo=repo,
        number=int(issue["number"]),
        title=str(issue["title"]),
        author=_login(issue.get("user")),
        body=issue.get("body") or "",
        created_at=time(issue["created_at"]),
        updated_at=time(issue["updated_at"]),
        closed=issue["state"] == "closed",
        labels=frozenset(
            str(label["name"]) if isinstance(label, dict) else str(label) for label in issue.get("labels", ())
        ),
        comments=(),
        url=str(issue.get("html_url", "")),
    )
    return Listed(thread, "pull_request" in issue)


def comment(found: Json) -> Comment:
    return Comment(
        id=int(found["id"]),
        author=_login(found.get("user")),
        body=found.get("body") or "",
        created_at=time(found["created_at"]),
        updated_at=time(found["updated_at"]),
    )


def labelled(event: Json) -> Labelled | None:
    """None for events of other kinds."""
    if event.get("event") != "labeled" or not event.get("label"):
        return None
    return Labelled(
        int(event["id"]), str(event["label"]["name"]), _login(event.get("actor")), time(event["created_at"])
    )


def commit(found: Json) -> Commit:
    """A commit of a list (without `paths`) or a single one (with them)."""
    inner = found["commit"]
    name = (found.get("author") or {}).get("login") or (inner.get("author") or {}).get("name") or GHOST
    at = (inner.get("committer") or inner.get("author") or {})["date"]
    return Commit(
        sha=str(found["sha"]),
        author=str(name),
        message=str(inner["message"]),
        at=time(at),
        url=str(found.get("html_url", "")),
        paths=tuple(str(file["filename"]) for file in found.get("files") or ()),
        parents=tuple(str(parent["sha"]) for parent in found.get("parents") or ()),
    )


def status(found: Json) -> CommitStatus:
    """One status of a commit."""
    return CommitStatus(
        context=str(found["context"]),
        state=found["state"],
        description=found.get("description") or "",
        at=time(found["created_at"]),
        by=_login(found.get("creator")),
    )


def pull(found: Json) -> Pull:
    """A single pull request (a listed one lacks who merged it)."""
    merged = bool(found.get("merged") or found.get("merged_at"))
    return Pull(
        number=int(found["number"]),
        link=str(found.get("html_url", "")),
        title=str(found["title"]),
        body=found.get("body") or "",
        author=_login(found.get("user")),
        branch=str(found["head"]["ref"]),
        base_sha=str(found["base"]["sha"]),
        head_sha=str(found["head"]["sha"]),
        open=found["state"] == "open",
        merge_sha=str(found["merge_commit_sha"]) if merged else None,
        merged_by=_login(found.get("merged_by")) if merged else None,
    )


def time(text: str) -> datetime:
    """An RFC 3339 stamp as UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def stamp(at: datetime) -> str:
    """A UTC stamp as GitHub's `since` takes it, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _login(user: Json | None) -> str:
    return str(user["login"]) if user else GHOST
