"""What people say to the fleet: commands at the start of a line in a new, unedited comment, not in quotes or code."""

from __future__ import annotations

import hashlib
from collections.abc import Container
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from shared.incident.thread import Comment

COMMANDS: Final[dict[str, str]] = {
    "approve": "write",
    "deny": "write",
    "hold": "write",
    "unhold": "write",
    "retry": "write",
    "focus": "write",
    "reject": "write",
    "escalate": "write",
    "undo": "write",
    "explain": "read",
    "help": "read",
}
"""Each command with the least permission (`read`, `write`) that may use it."""
RANK: Final = {"none": 0, "read": 1, "triage": 2, "write": 3, "maintain": 4, "admin": 5}
_MARKDOWN: Final = MarkdownIt("commonmark").enable("table").disable("text_join")
"""Without `text_join`, an escaped or encoded slash stays a token of its own and is not taken for a typed one."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command as typed; whether its author may use it is not yet known."""

    name: str
    arguments: tuple[str, ...]
    login: str
    comment_id: int
    comment_sha256: str

    def permitted(self, permission: str) -> bool:
        """`permission` is a GitHub role name; unknown ones count as none."""
        return RANK.get(permission, 0) >= RANK[COMMANDS[self.name]]


def parse(comment: Comment, known: Container[str] = COMMANDS) -> tuple[Command, ...]:
    """The commands of a comment, in order. An edited comment has none: its words are not what was posted."""
    if comment.edited:
        return ()
    digest = hashlib.sha256(comment.body.encode()).hexdigest()
    found = []
    for line in _spoken_lines(comment.body):
        word, *arguments = line.split()
        name = word[1:]
        if name in known:
            found.append(Command(name, tuple(arguments), comment.author, comment.id, digest))
    return tuple(found)


def _spoken_lines(body: str) -> list[str]:
    """Lines that begin with `/` in top-level paragraphs: not quoted, fenced, indented, listed or hidden in HTML."""
    tokens = _MARKDOWN.parse(body.replace("\r\n", "\n").replace("\r", "\n"))
    lines = [
        line
        for opening, inline in pairwise(tokens)
        if opening.type == "paragraph_open" and opening.level == 0
        for line in _visible_lines(inline.children or [])
    ]
    return [line for line in lines if line.startswith("/")]


def _visible_lines(children: list[Token]) -> list[str]:
    """The lines of a paragraph that begin with plain text, as shown: code, comments and link titles may span lines."""
    lines: list[str] = []
    plain = at_start = True
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            at_start = True
        elif child.type != "text" or child.content:
            if at_start:
                plain, at_start = child.type == "text", False
                lines += [""] if plain else []
            if plain:
                lines[-1] += child.content
    return lines
