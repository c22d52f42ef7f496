"""A three-way merge of lines, as strict as git's: two changes that overlap or touch are a conflict unless they are the
same change."""

from __future__ import annotations

from collections import Counter
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final

Edit = tuple[int, int, tuple[bytes, ...]]
"""Ancestor's lines [from, to) become these."""
MOST_LINES: Final = 5_000
MOST_PAIRS: Final = 2_000_000
"""Pairs of equal lines that the comparison would look at: what bounds its time."""


class Conflict(ValueError):
    """Both sides changed the same lines. The text says which, by the ancestor's count from 1."""


def merged(ancestor: bytes, ours: bytes, theirs: bytes) -> bytes:
    """`ancestor` with what changed on both sides. Raises Conflict; nothing is ever guessed."""
    lines = lines_of(ancestor)
    out: list[bytes] = []
    at = 0
    for start, end, new in _together(_edits(lines, lines_of(ours)), _edits(lines, lines_of(theirs))):
        out += [*lines[at:start], *new]
        at = end
    return b"".join([*out, *lines[at:]])


def lines_of(data: bytes) -> list[bytes]:
    """Lines with their "\\n"; only that ends a line."""
    return [line + b"\n" for line in data.split(b"\n")[:-1]] + [last for last in data.split(b"\n")[-1:] if last]


def _edits(old: list[bytes], new: list[bytes]) -> list[Edit]:
    if max(len(old), len(new)) > MOST_LINES:
        raise Conflict(f"more than {MOST_LINES} lines are not merged")
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    old_part, new_part = old[head : len(old) - tail], new[head : len(new) - tail]
    here, there = Counter(old_part), Counter(new_part)
    if sum(count * there[line] for line, count in here.items()) > MOST_PAIRS:
        raise Conflict("too many equal lines to tell them apart")
    codes = SequenceMatcher(None, old_part, new_part, autojunk=False).get_opcodes()
    return [(head + a, head + b, tuple(new_part[c:d])) for kind, a, b, c, d in codes if kind != "equal"]


def _together(ours: list[Edit], theirs: list[Edit]) -> list[Edit]:
    edits = sorted({*ours, *theirs})
    for (a, b, _), (c, d, _) in pairwise(edits):
        if c <= b:  # edits of one side never touch each other
            raise Conflict(f"lines {a + 1} to {max(b, d, a + 1)} were changed since")
    return edits
