"""How a change is taken back, which services it reaches, and both in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from shared.gitops.diff import FileChange, stack_diff
from shared.gitops.stack import STACK, BadStack, Stack
from shared.incident.change import Change, RevertCommit, SetConfig, SetFlag, SetMemory, SetReplicas, Sha

SOURCES: Final = "protected_services"
"""The folder of the services' programs: `policy_service/` in it is `policy-service`, `common/` belongs to all."""


def inverse(change: Change, result: Sha | None = None) -> Change:
    """The change that takes `change` back. `result` is the commit that `change` became on the default branch: a revert
    is undone by reverting that. Raises ValueError for a revert without it."""
    match change:
        case RevertCommit():
            if result is None:
                raise ValueError("a revert is taken back by reverting the commit it became, which is not known")
            return RevertCommit(commit=result, paths=change.paths)
        case SetMemory():
            return SetMemory(service=change.service, before=change.after, after=change.before)
        case SetReplicas():
            return SetReplicas(service=change.service, before=change.after, after=change.before)
        case SetConfig():
            return SetConfig(service=change.service, key=change.key, before=change.after, after=change.before)
        case SetFlag():
            return SetFlag(service=change.service, flag=change.flag, before=change.after, after=change.before)


def blast_radius(
    change: Change, desired: Stack, commit: Iterable[FileChange] = (), *, stack: str = STACK
) -> tuple[str, ...]:
    """The services that `change` reaches, by name. A file that is known to belong to none of them reaches all."""
    if not isinstance(change, RevertCommit):
        return (change.service,)
    done = {file.path: file for file in commit}
    reached: set[str] = set()
    for path in change.paths:
        reached |= _reached(path, done.get(path), desired, stack)
    return tuple(sorted(reached))


def _reached(path: str, done: FileChange | None, desired: Stack, stack: str) -> set[str]:
    everything = set(desired.services)
    if path == stack:
        if done is None or done.before is None or done.after is None:
            return everything
        try:
            return {key.service for key in stack_diff(done.before, done.after)}
        except BadStack:
            return everything
    folder, _, rest = path.partition("/")
    service = rest.partition("/")[0].replace("_", "-")
    return {service} if folder == SOURCES and "/" in rest and service in everything else everything


def undo_line(change: Change) -> str:
    """The undo of `change` for a directive, at most 300 characters."""
    match change:
        case RevertCommit():
            return f"revert the commit that reverts {change.commit[:12]}; it brings back what that changed"
        case SetMemory():
            return f"set-memory {change.service}: mem_limit back from {change.after}m to {change.before}m"
        case SetReplicas():
            return f"set-replicas {change.service}: replicas back from {change.after} to {change.before}"
        case SetConfig():
            was, now = _said(change.before), _said(change.after)
            return f"set-config {change.service}: {change.key} back from {now} to {was}"[:300]
        case SetFlag():
            was, now = ("on", "off") if change.before else ("off", "on")
            return f"set-flag {change.service}: {change.flag} back from {now} to {was}"


def _said(value: str | None) -> str:
    if value is None:
        return "not set"
    return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}..."'
