"""What recent commits mean: which levers and services they touch, and when they were deployed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from agents.brain.case import Touch
from shared.gitops.diff import FileChange, KeyChange, stack_diff
from shared.gitops.meaning import Unreadable, is_prose, meaning
from shared.gitops.stack import STACK, BadStack, Stack, parse_stack
from shared.gitops.undo import SOURCES
from shared.ports import Commit, Permanent
from shared.source import DEPLOY, Source

MOST: Final = 8
"""Commits that are read, the newest ones."""
COMMON: Final = "common"
"""The folder below SOURCES whose files belong to every service."""


def desired(source: Source, head: str) -> Stack | None:
    """The desired state at `head`; None where there is none, or none that can be read. Raises Transient."""
    file = source.files(head, (STACK,)).get(STACK)
    try:
        return parse_stack(file.data) if file is not None else None
    except BadStack:
        return None


def touch(source: Source, commit: Commit, services: Collection[str]) -> Touch | None:
    """What `commit` means; None where it means nothing to any of `services` or has no parent. Raises Transient."""
    parents = commit.parents or source.commit(commit.sha).parents
    if not parents:
        return None
    try:
        files = source.difference(parents[0], commit.sha)
    except Permanent:  # too much to read: an import, not a change
        return None
    levers = tuple(key for file in files if file.path == STACK for key in _levers(file))
    paths = tuple(f.path for f in files if (levers if f.path == STACK else _means(f)))
    touched = {key.service for key in levers}
    for path in paths:
        touched |= _owners(path, services)
    if not touched & set(services):
        return None
    deployed = next((s for s in source.statuses(commit.sha) if s.context == DEPLOY and s.state != "pending"), None)
    at = (deployed.since or deployed.at) if deployed is not None else commit.at  # from its first word on it may run
    return Touch(commit.sha, at, paths, levers, frozenset(touched), deployed is not None)


def _levers(file: FileChange) -> tuple[KeyChange, ...]:
    if file.before is None or file.after is None:
        return ()
    try:
        return stack_diff(file.before, file.after)
    except BadStack:
        return ()


def _means(file: FileChange) -> bool:
    """Whether a program that reads the file could tell the difference."""
    if is_prose(file.path):
        return False
    if file.before is None or file.after is None:
        return True
    try:
        return meaning(file.path, file.before) != meaning(file.path, file.after)
    except Unreadable:
        return True


def _owners(path: str, services: Collection[str]) -> set[str]:
    folder, _, rest = path.partition("/")
    owner, slash, _ = rest.partition("/")
    if folder != SOURCES or not slash:
        return set()
    return set(services) if owner == COMMON else {owner.replace("_", "-")} & set(services)
