"""A ticked box on the fleet's own issue, as a person's word: who ticked it, and beside which directive it stood. Pure.

A box counts only when GitHub says who edited the body, that is no account of the fleet, and the very line, not ticked,
stood in what the fleet had written last. Whatever else an edit changed says nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

SHOWN: Final = 32
"""Hex digits of a digest that stand beside a box: 128 bits."""
_BOX: Final = re.compile(r"- \[([ xX])\] (approve #(\d{1,9}): [^\n]{1,400} \(directive `([0-9a-f]{32})`\))")


class Edited(Protocol):
    """One change of a body; see `shared.ports.BodyEdit`."""

    @property
    def id(self) -> str: ...
    @property
    def login(self) -> str | None: ...
    @property
    def at(self) -> datetime: ...
    @property
    def body(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Tick:
    """`about`: the first digits of the digest it stood beside; `sha256`: of the whole body as the person left it."""

    edit: str
    login: str
    at: datetime
    number: int
    about: str
    sha256: str


def box(number: int, what: str, digest: str) -> str:
    """The line to tick. `what`: Markdown on one line."""
    return f"- [ ] approve #{number}: {what} (directive `{digest[:SHOWN]}`)"


def ticked(body: str) -> frozenset[str]:
    """The ticked boxes of a body, each as the line behind its mark."""
    return frozenset(told for mark, told in _boxes(body) if mark != " ")


def about(line: str) -> tuple[int, str]:
    """The issue and the digits that a line behind its mark names. Raises ValueError on any other text."""
    match = _BOX.fullmatch(f"- [ ] {line}")
    if match is None:
        raise ValueError("not a box")
    return int(match[3]), match[4]


def ticks(edits: Iterable[Edited], fleet: frozenset[str]) -> tuple[Tick, ...]:
    """What people ticked, oldest first. `edits`: of one body, oldest first, without a gap between them."""
    accounts = {login.casefold() for login in fleet}
    offered: frozenset[str] = frozenset()
    before: frozenset[str] | None = None
    found = []
    for edit in edits:
        if edit.body is None:  # somebody deleted it from the history: what came after it is nobody's
            offered, before = frozenset(), None
            continue
        ours = edit.login is not None and edit.login.casefold() in accounts
        now = ticked(edit.body)
        if ours:
            offered = frozenset(told for mark, told in _boxes(edit.body) if mark == " ")
        elif edit.login is not None and before is not None:
            sha256 = hashlib.sha256(edit.body.encode()).hexdigest()
            for line in sorted((now - before) & offered):
                found.append(Tick(edit.id, edit.login, edit.at, *about(line), sha256))
        before = now
    return tuple(found)


def _boxes(body: str) -> list[tuple[str, str]]:
    lines = (_BOX.fullmatch(line.rstrip()) for line in body.splitlines())
    return [(match[1], match[2]) for match in lines if match is not None]
