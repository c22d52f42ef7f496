"""A typed change as new files: the edit itself, or the reason why it is not made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from shared.gitops.diff import REGULAR, FileChange, KeyChange, stack_diff
from shared.gitops.merge import Conflict, merged
from shared.gitops.paths import shown
from shared.gitops.stack import STACK, BadStack, Stack, parse_stack
from shared.gitops.stack_edit import CannotEdit, with_lever
from shared.incident.change import Change, RevertCommit, SetConfig, SetFlag, SetMemory, SetReplicas

REGULAR_MODES: Final = frozenset((REGULAR, "100755"))


class Refused(ValueError):
    """The change is not made; the text tells a person why, in one line."""


def apply(
    change: Change, base: Mapping[str, bytes], commit: Iterable[FileChange] = (), *, stack: str = STACK
) -> dict[str, bytes | None]:
    """The files that `change` gives new content, by path; None: the file goes. Raises Refused.

    `base` holds the files that are needed as they are now: the desired state at `stack`, or for a revert those of its
    paths that exist. `commit` is, for a revert, what that commit did to each file (more files than named may be in it).
    """
    if isinstance(change, RevertCommit):
        return _reverted(change, base, {file.path: file for file in commit}, stack)
    if stack not in base:
        raise Refused(f"there is no {shown(stack)}")
    wanted = key_change(change)
    text, now = _text(base[stack], stack), _parsed(base[stack], stack)
    if wanted.service not in now.services:
        raise Refused(f"{wanted.service} is no service of {stack}; it names {', '.join(sorted(now.services))[:150]}")
    stands = now.services[wanted.service].levers().get(wanted.key)
    if stands != wanted.before:
        raise Refused(f"{wanted.key} of {wanted.service} is {_said(stands)}, not {_said(wanted.before)} as decided on")
    if wanted.before == wanted.after:
        raise Refused(f"{wanted.key} of {wanted.service} is {_said(stands)} already")
    return {stack: _edited(text, (wanted,), stack)}


def key_change(change: SetMemory | SetReplicas | SetConfig | SetFlag) -> KeyChange:
    """The one lever that a typed change sets. Raises Refused where another verb is the one for it."""
    match change:
        case SetMemory():
            return KeyChange(
                service=change.service, key="mem_limit", before=f"{change.before}m", after=f"{change.after}m"
            )
        case SetReplicas():
            return KeyChange(
                service=change.service, key="deploy.replicas", before=str(change.before), after=str(change.after)
            )
        case SetConfig():
            if change.key.startswith("FEATURE_"):
                raise Refused(f"{change.key} is a feature flag; set-flag is the verb for it")
            return KeyChange(
                service=change.service, key=f"environment.{change.key}", before=change.before, after=change.after
            )
        case SetFlag():
            return KeyChange(
                service=change.service,
                key=f"environment.{change.flag}",
                before="on" if change.before else "off",
                after="on" if change.after else "off",
            )


def undone(done: FileChange, now: str | bytes) -> tuple[KeyChange, ...]:
    """What takes back in the desired state `now` the keys that `done` changed and that still have the value it gave
    them; keys with a later value, or none left, survive as they are. Raises BadStack."""
    if done.before is None or done.after is None:
        return ()
    services = parse_stack(now).services
    return tuple(
        was.inverse()
        for was in stack_diff(done.before, done.after)
        if was.service in services and services[was.service].levers().get(was.key) == was.after
    )


def _reverted(
    change: RevertCommit, base: Mapping[str, bytes], commit: Mapping[str, FileChange], stack: str
) -> dict[str, bytes | None]:
    new: dict[str, bytes | None] = {}
    for path in change.paths:
        done = commit.get(path)
        if done is None:
            raise Refused(f"commit {change.commit[:12]} did not change {shown(path)}")
        if done.was not in (None, done.mode) or done.mode not in REGULAR_MODES:
            raise Refused(f"{shown(path)} is not an ordinary file whose content changed; a person reverts it")
        after = _taken_back(path, done, base.get(path), stack)
        if after != base.get(path):
            new[path] = after
    if not new:
        raise Refused(f"nothing that commit {change.commit[:12]} changed in the named files still stands")
    return new


def _taken_back(path: str, done: FileChange, now: bytes | None, stack: str) -> bytes | None:
    if now in (done.after, done.before):
        return done.before
    if now is None or done.before is None or done.after is None:
        raise Refused(f"{shown(path)} was changed since, and the commit made or removed it as a whole")
    if path == stack:
        try:
            keys = undone(done, now)
        except BadStack as error:
            raise Refused(f"{shown(path)} cannot be read: {error}") from None
        return _edited(_text(now, stack), keys, stack)
    try:
        return merged(done.after, now, done.before)
    except Conflict as error:
        raise Refused(f"{shown(path)} cannot be reverted by itself: {error}") from None


def _edited(text: str, keys: tuple[KeyChange, ...], stack: str) -> bytes:
    """The desired state with `keys` in it, proved to differ in them and nothing else."""
    new = text
    try:
        for key in keys:
            new = with_lever(new, key.service, key.key, key.after)
        found = stack_diff(text, new)
    except (CannotEdit, BadStack) as error:
        raise Refused(f"{stack} cannot be edited: {error}") from None
    if set(found) != set(keys):
        raise Refused(f"{stack} is written in a way that this edit would change more than it names")
    return new.encode()


def _text(data: bytes, stack: str) -> str:
    _parsed(data, stack)
    return data.decode()


def _parsed(data: bytes, stack: str) -> Stack:
    try:
        return parse_stack(data)
    except BadStack as error:
        raise Refused(f"{stack} cannot be read: {error}") from None


def _said(value: str | None) -> str:
    return "not set" if value is None else f"{value[:60]!r}"
