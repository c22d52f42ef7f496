"""What people say to the fleet: commands at the start of a line in a new, unedited comment, not in quotes or code."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from shared.incident.record import Role
from shared.incident.thread import Comment


@dataclass(frozen=True, slots=True)
class Row:
    """One command: the least permission (`read`, `write`) that may use it, how it is written, what it does, who
    answers.

    Help, documents, the terminal and the dashboard all read these rows; where a command fits is `fitting.fits`.
    """

    name: str
    permission: str
    syntax: str
    does: str
    answers: Role = "guardrail"


TABLE: Final = (
    Row("approve", "write", "/approve", "lets exactly the action shown go ahead, or the plan of a coding agent"),
    Row("deny", "write", "/deny", "refuses it; the incident then waits for a person"),
    Row("hold", "write", "/hold", "the fleet touches nothing on this incident until /unhold"),
    Row("unhold", "write", "/unhold", "lifts the hold"),
    Row("retry", "write", "/retry", "starts over with a new diagnosis"),
    Row("focus", "write", "/focus h2", "diagnoses again with this hypothesis first, if any evidence speaks for it"),
    Row("reject", "write", "/reject h1", "diagnoses again without this hypothesis"),
    Row("escalate", "write", "/escalate", "hands it to a coding agent, or a person; /escalate copilot names one"),
    Row("undo", "write", "/undo", "takes back the change that this incident merged last"),
    Row("silence", "write", "/silence 2h", "no action for this service for so long (s, m, h, d); /silence off ends it"),
    Row("explain", "read", "/explain", "tells what was said, when and why, with links"),
    Row("similar", "read", "/similar", "shows earlier incidents like this one and what helped", "memory"),
    Row("postmortem", "read", "/postmortem", "shows the post-mortem, so far or as it was closed"),
    Row("help", "read", "/help", "shows this list"),
)
COMMANDS: Final[dict[str, str]] = {row.name: row.permission for row in TABLE}
"""Each command with the least permission that may use it."""
ANSWERS: Final[dict[str, Role]] = {row.name: row.answers for row in TABLE}
"""Who answers each command: one role, so that each is answered once."""
MOST_TO_STRANGERS: Final = 5
"""Answers in words on one issue, to all; beyond it who has less than triage is met with silence, or strangers could
spend the write budget: on a public repository everybody has read."""
_ALIASES: Final = {"unsilence": ("silence", "off")}
"""Other ways to write a command, with its arguments."""
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
    edit: str = ""
    """Of a ticked box, instead of the comment."""

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
        if name in _ALIASES and name not in known:
            name, *arguments = _ALIASES[name]
        if name in known:
            found.append(Command(name, tuple(arguments), comment.author, comment.id, digest))
    return tuple(found)


def worth_an_answer(answered: int, permission: str) -> bool:
    """Whether one more answer in words is due on an issue that has `answered` of them."""
    return answered < MOST_TO_STRANGERS or RANK.get(permission, 0) >= RANK["triage"]


@dataclass(frozen=True, slots=True)
class Mistyped:
    """A comment that has no command, and begins a line with what is nearly one."""

    word: str
    nearest: str
    login: str
    comment_id: int


def mistyped(comment: Comment) -> Mistyped | None:
    """The first word that was meant as a command, if any is near; None where one is known, or the comment is edited.

    A path (`/etc/passwd`, `/api/v1`) is no word, and what is near nothing is nobody's business.
    """
    if comment.edited or parse(comment):
        return None
    for line in _spoken_lines(comment.body):
        word = line.split()[0][1:]
        near = nearest(word)
        if near is not None:
            return Mistyped(word, near, comment.author, comment.id)
    return None


def nearest(word: str) -> str | None:
    """The command that `word` (without the slash) is nearly: one slip in a short word, two in one of six letters."""
    folded = word.casefold()
    if not re.fullmatch(r"[a-z]{3,16}", folded):
        return None
    slips, near = min((_slips(folded, name), name) for name in COMMANDS)
    return near if slips <= (1 if min(len(folded), len(near)) < 6 else 2) else None


def _slips(one: str, other: str) -> int:
    """Letters left out, put in, changed or swapped with the next (optimal string alignment distance)."""
    rows = [list(range(len(other) + 1))]
    for i, left in enumerate(one, 1):
        row = [i]
        for j, right in enumerate(other, 1):
            cost = min(rows[-1][j] + 1, row[j - 1] + 1, rows[-1][j - 1] + (left != right))
            if i > 1 and j > 1 and (left, one[i - 2]) == (other[j - 2], right):
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


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
