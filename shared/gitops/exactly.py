"""Whether a tree differs in exactly what a typed change names: judged from the trees, not by the code of the edit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from shared.gitops.content import lines_changed
from shared.gitops.diff import FileChange, KeyChange, Tree, stack_diff
from shared.gitops.edit import Refused, apply, key_change, undone
from shared.gitops.merge import lines_of
from shared.gitops.paths import shown
from shared.gitops.stack import BadStack, parse_stack
from shared.incident.change import RevertCommit, SetConfig, SetFlag, SetMemory, SetReplicas

LINES_OF_A_KEY: Final = 2
"""What setting one key may take out or put in: its own line, and that of the mapping it is the first or last in."""


def beyond_the_key(
    change: SetMemory | SetReplicas | SetConfig | SetFlag, files: Sequence[FileChange], stack: str
) -> list[str]:
    """`files` is the desired state alone, readable."""
    try:
        wanted = key_change(change)
    except Refused as error:
        return [str(error)]
    file = files[0]
    if file.before is None or file.after is None:
        return [f"{stack}: made anew, where one key was to be set"]
    try:
        found = stack_diff(file.before, file.after)
    except BadStack as error:
        return [f"{stack}: as it was, it cannot be read: {error}"]
    services = parse_stack(file.before).services
    if wanted.service not in services:
        return [f"the service {wanted.service} is not in {stack}"]
    reasons = [f"{stack}: {_said(key)}, which the change does not name" for key in found if key != wanted]
    if wanted not in found:
        reasons.append(f"{stack}: lacks what the change names: {_said(wanted)}")
    lost, came = lines_changed(file)
    most = LINES_OF_A_KEY + (wanted.key == "mem_limit")
    if max(lost, came) > most:
        reasons.append(f"{stack}: {lost} lines go and {came} come for one key; comments and layout are kept")
    return reasons


def beyond_the_revert(files: Sequence[FileChange], commit: Mapping[str, FileChange], stack: str) -> list[str]:
    reasons = []
    for file in files:
        name, done = shown(file.path), commit.get(file.path)
        if done is None:
            reasons.append(f"{name}: the commit did not change it")
        elif file.after == done.before:
            if file.before != done.after:
                reasons += _beyond(file, done, stack)
        elif file.path == stack and file.before is not None and file.after is not None:
            allowed = set(undone(done, file.before))
            found = stack_diff(file.before, file.after)
            reasons += [f"{name}: {_said(key)}, which is not of that commit" for key in found if key not in allowed]
            missing = allowed - set(found)
            reasons += [
                f"{name}: lacks {_said(key)}" for key in sorted(missing, key=lambda key: (key.service, key.key))
            ]
            if max(lines_changed(file)) > LINES_OF_A_KEY * max(len(found), 1):
                reasons.append(f"{name}: more lines change than the keys that are set back")
        else:
            reasons += _beyond(file, done, stack)
    return reasons


def not_as_merged(
    change: RevertCommit, base: Tree, head: Tree, commit: Mapping[str, FileChange], stack: str
) -> list[str]:
    """The same lines at other places are another program: a revert is what the merge gives, byte for byte."""
    try:
        made = apply(change, {path: file.data for path, file in base.items()}, commit.values(), stack=stack)
    except Refused as error:
        return [str(error)]
    wrong = [path for path, data in made.items() if data != (head[path].data if path in head else None)]
    return [f"{shown(path)}: not what taking the commit back gives" for path in wrong]


def _beyond(file: FileChange, done: FileChange, stack: str) -> list[str]:
    """Lines that a revert takes out must be lines that the commit brought, and the other way round."""
    if file.path == stack and file.before is not None and file.after is not None:
        extra = set(stack_diff(file.before, file.after)) - set(undone(done, file.before))
        return [f"{shown(file.path)}: {_said(key)}, which is not of that commit" for key in extra]
    now, then = Counter(lines_of(file.before or b"")), Counter(lines_of(file.after or b""))
    old, new = Counter(lines_of(done.before or b"")), Counter(lines_of(done.after or b""))
    if (now - then) - (new - old) or (then - now) - (old - new):
        return [f"{shown(file.path)}: lines change that the commit did not touch"]
    return []


def _said(key: KeyChange) -> str:
    def value(text: str | None) -> str:
        return "nothing" if text is None else repr(text[:60])

    return f"{key.key} of {key.service[:60]} from {value(key.before)} to {value(key.after)}"
