"""Everything wrong with a proposed change of a repository, each in one line for a person; nothing where it may go on.

`check` is for the fleet's own edits: the tree must differ in exactly what the typed change names. `check_foreign` is
for a pull request that somebody else wrote, of which no promise is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

from pydantic import Field

from shared.gitops.content import check_content, differs, lines_changed, not_ordinary
from shared.gitops.diff import FileChange, Tree, tree_diff
from shared.gitops.exactly import beyond_the_key, beyond_the_revert, not_as_merged
from shared.gitops.paths import PROTECTED, check_path, in_the_way, protects, shown
from shared.gitops.stack import STACK
from shared.incident.change import Change, RevertCommit
from shared.incident.record import Record

MOST_REASONS: Final = 30


class Limits(Record):
    """How large a change may be. `gone`: the share of its lines that a file may lose which the change does not name."""

    files: Annotated[int, Field(ge=1)] = 20
    lines: Annotated[int, Field(ge=1)] = 600
    """Added and taken out, over all files."""
    bytes_per_file: Annotated[int, Field(ge=1)] = 262_144
    gone: Annotated[float, Field(gt=0, le=1)] = 0.5


def check(
    change: Change,
    base: Tree,
    head: Tree,
    commit: Iterable[FileChange] = (),
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    protected: Sequence[str] = PROTECTED,
    stack: str = STACK,
    compose_says: str | None = None,
) -> tuple[str, ...]:
    """Everything wrong with `head` as `change` made of `base`, the files of the repository that are known.

    `commit`: for a revert, what that commit did to each file. `compose_says`: what `docker compose config` complained
    of in `head`, where it was asked; "" and None are no complaint.
    """
    files = tree_diff(base, head)
    named = frozenset(change.paths) if isinstance(change, RevertCommit) else frozenset((stack,))
    reasons = [f"{shown(f.path)}: changed, but not named by the change" for f in files if f.path not in named]
    reasons += check_foreign(
        files, limits, existing=base.keys(), named=named, protected=protected, stack=stack, compose_says=compose_says
    )
    if not reasons:  # what is read below has been shown to be readable
        if isinstance(change, RevertCommit):
            done = {file.path: file for file in commit}
            reasons += beyond_the_revert(files, done, stack) or not_as_merged(change, base, head, done, stack)
        else:
            reasons += beyond_the_key(change, files, stack)
    return tuple(reasons[:MOST_REASONS])


def check_foreign(
    files: Sequence[FileChange],
    limits: Limits = Limits(),  # noqa: B008 - frozen
    *,
    existing: Iterable[str] = (),
    named: Iterable[str] = (),
    protected: Sequence[str] = PROTECTED,
    stack: str = STACK,
    compose_says: str | None = None,
) -> tuple[str, ...]:
    """Everything wrong with a set of changed files. `existing`: the paths of the base tree. `named`: files that may
    lose more than `limits.gone` of their lines, or go."""
    reasons = _too_large(files, limits)
    if reasons:
        return tuple(reasons)
    may_go, there = frozenset(named), tuple(existing)
    left = {*there, *(f.path for f in files)} - {f.path for f in files if f.after is None}
    means_something = False
    for file in files:
        wrong = [*check_path(file.path, there), *not_ordinary(file)]
        wrong += in_the_way(file.path, left) if file.after is not None else ()
        if protects(protected, file.path):
            wrong.append(f"{shown(file.path)}: protected; only a person changes it")
        if not wrong:
            wrong += check_content(file, stack, None if file.path in may_go else limits.gone)
        means_something |= not wrong and differs(file, stack)
        reasons += wrong
    if not reasons and not means_something:
        reasons.append("nothing changes in meaning: only comments, layout, order or prose")
    if compose_says:
        reasons.append(f"docker compose refuses it: {' '.join(shown(compose_says, 400).split())[:200]}")
    return tuple(reasons[:MOST_REASONS])


def _too_large(files: Sequence[FileChange], limits: Limits) -> list[str]:
    reasons = []
    if not files:
        reasons.append("nothing is changed")
    if len(files) > limits.files:
        reasons.append(f"{len(files)} files are changed; {limits.files} is the most")
    for file in files[: limits.files]:
        size = max(len(file.before or b""), len(file.after or b""))
        if size > limits.bytes_per_file:
            reasons.append(f"{shown(file.path)}: {size} bytes; {limits.bytes_per_file} is the most")
    if not reasons:
        lines = sum(sum(lines_changed(file)) for file in files)
        if lines > limits.lines:
            reasons.append(f"{lines} lines are changed; {limits.lines} is the most")
    return reasons
