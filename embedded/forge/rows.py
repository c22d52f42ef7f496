"""What the forge's store hands out: frozen rows. Times are ISO 8601 UTC with second resolution, as GitHub's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Change:
    """One committed mutation. `seq` only grows; `number` is the issue or pull request touched, if any."""

    seq: int
    at: str
    repo: str
    kind: str
    number: int | None


@dataclass(frozen=True, slots=True)
class User:
    id: int
    login: str
    role: str
    type: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Label:
    id: int
    name: str
    color: str
    description: str | None
    default: bool


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue, or the issue side of a pull request (`is_pull`)."""

    id: int
    number: int
    title: str
    body: str | None
    author: str
    state: str
    state_reason: str | None
    locked: bool
    lock_reason: str | None
    comments: int
    created_at: str
    updated_at: str
    closed_at: str | None
    closed_by: str | None
    is_pull: bool
    labels: tuple[Label, ...] = ()
    assignees: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comment:
    id: int
    number: int
    body: str
    author: str
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an issue; `detail` holds what GitHub adds for this kind (label, rename, assignee)."""

    id: int
    number: int
    actor: str
    event: str
    detail: Mapping[str, Any]
    commit_id: str | None
    created_at: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """`subject` is "issue" or "comment", `subject_id` the issue number or the comment id."""

    id: int
    subject: str
    subject_id: int
    login: str
    content: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Pull:
    """The git side of a pull request; its words are in the Issue of the same number."""

    number: int
    base_ref: str
    base_sha: str
    head_ref: str
    head_sha: str
    draft: bool
    merged_at: str | None
    merged_by: str | None
    merge_commit_sha: str | None


@dataclass(frozen=True, slots=True)
class Review:
    """`state` is APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED or PENDING."""

    id: int
    number: int
    author: str
    state: str
    body: str
    commit_id: str
    submitted_at: str | None


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """`state` is error, failure, pending or success; the newest row per `context` counts."""

    id: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator: str
    created_at: str


@dataclass(frozen=True, slots=True)
class CheckRun:
    id: int
    sha: str
    name: str
    status: str
    conclusion: str | None
    details_url: str | None
    external_id: str | None
    started_at: str | None
    completed_at: str | None
    output: Mapping[str, Any]
    creator: str


@dataclass(frozen=True, slots=True)
class Hook:
    id: int
    url: str
    secret: str | None
    content_type: str
    events: tuple[str, ...]
    active: bool
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to tell a webhook something. `status_code` is 0 when nobody answered."""

    id: int
    hook_id: int
    guid: str
    event: str
    action: str | None
    delivered_at: str
    duration_s: float
    status_code: int
    redelivery: bool
    request: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A repository_dispatch (`name` = event type) or workflow_dispatch (`name` = workflow file) that was asked for."""

    id: int
    kind: str
    name: str
    ref: str | None
    payload: Mapping[str, Any]
    login: str
    created_at: str
