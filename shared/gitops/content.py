"""What is wrong with one changed file: what it is, what it holds, and how much of it is left."""

from __future__ import annotations

from collections import Counter
from typing import Final

from shared.gitops.diff import REGULAR, FileChange, stack_diff
from shared.gitops.meaning import Unreadable, meaning, text_of, top_level
from shared.gitops.merge import lines_of
from shared.gitops.paths import shown
from shared.gitops.stack import BadStack, parse_stack
from shared.gitops.wrapped import wrapping

_INVISIBLE: Final = frozenset(
    map(chr, (*range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF))
)
"""Zero-width and direction marks: what a person reads is not what runs."""


def lines_changed(file: FileChange) -> tuple[int, int]:
    """How many lines went and came, wherever they stand; whether the last one is ended does not count."""
    old, new = (Counter(line.rstrip(b"\n") for line in lines_of(data or b"")) for data in (file.before, file.after))
    return sum((old - new).values()), sum((new - old).values())


def not_ordinary(file: FileChange) -> list[str]:
    name = shown(file.path)
    for mode in (file.mode, file.was):
        match mode:
            case "120000":
                return [f"{name}: a symbolic link"]
            case "160000":
                return [f"{name}: a submodule"]
            case None | "100644" | "100755":
                pass
            case _:
                return [f"{name}: the unknown file mode {shown(mode, 20)}"]
    if file.was not in (None, file.mode):
        return [f"{name}: its mode changes from {file.was} to {file.mode}"]
    if file.before is None and file.mode != REGULAR:
        return [f"{name}: a new executable file"]
    return []


def check_content(file: FileChange, stack: str, gone: float | None) -> list[str]:
    """What is wrong inside; `gone` None: the change names the file, so it may shrink or go."""
    name = shown(file.path)
    if file.after is None:
        return [f"{name}: taken out as a whole"] if gone is not None or file.path == stack else []
    try:
        text = text_of(file.after)
    except Unreadable as error:
        return [f"{name}: {error}"]
    found = wrapping(file.path, text)
    if found and not (file.before is not None and wrapping(file.path, file.before.decode("utf-8", "replace"))):
        return [f"{name}: {found}"]
    reasons = []
    try:
        meaning(file.path, file.after)
    except Unreadable as error:
        reasons.append(f"{name}: {error}")
    hidden = sorted(
        f"U+{ord(c):04X}" for c in _INVISIBLE & set(text) - set((file.before or b"").decode("utf-8", "ignore"))
    )
    if hidden:
        reasons.append(f"{name}: characters that cannot be seen ({', '.join(hidden)})")
    if file.path == stack:
        reasons += _bad_stack(file, name)
    if file.before is not None and not reasons:
        reasons += _wiped(file, name, gone)
    return reasons


def _bad_stack(file: FileChange, name: str) -> list[str]:
    try:
        after = parse_stack(file.after or b"").services
    except BadStack as error:
        return [f"{name}: {error}"]
    try:
        before = parse_stack(file.before).services if file.before is not None else after
    except BadStack:
        return []  # it is repaired
    reasons = [f"{name}: the unknown service {shown(service)}" for service in sorted(after.keys() - before.keys())]
    return reasons + [f"{name}: the service {shown(s)} is taken out" for s in sorted(before.keys() - after.keys())]


def _wiped(file: FileChange, name: str, gone: float | None) -> list[str]:
    old, new = file.before or b"", file.after or b""
    if old.strip() and not new.strip():
        return [f"{name}: emptied"]
    try:
        keys, left = top_level(file.path, old), top_level(file.path, new)
    except Unreadable:
        keys, left = None, None  # what was there could not be read: nothing to compare with
    if keys and not (keys & (left or frozenset())):
        return [f"{name}: none of what stood at its top is left: another file in its place"]
    if gone is None:
        return []
    total, (lost, came) = len(lines_of(old)), lines_changed(file)
    if lost > gone * total and (total >= 8 or total - lost + came < (1 - gone) * total):
        return [f"{name}: {lost} of its {total} lines go"]
    return []


def differs(file: FileChange, stack: str) -> bool:
    """Whether `file`, whose new side can be read, changes in meaning. Prose does not; a new or removed file does where
    it holds anything besides comments."""
    if file.path == stack and file.before is not None and file.after is not None:
        try:
            return bool(stack_diff(file.before, file.after))
        except BadStack:
            return True  # it is repaired
    if file.after is None:
        return _meaning(file.path, file.before) not in ("", _meaning(file.path, b""))
    if file.before is None:
        return _meaning(file.path, file.after) not in ("", _meaning(file.path, b""))
    return _meaning(file.path, file.before) != _meaning(file.path, file.after)


def _meaning(path: str, data: bytes | None) -> str | None:
    """None where it cannot be read: that differs from everything that can."""
    try:
        return meaning(path, data or b"")
    except Unreadable:
        return None
