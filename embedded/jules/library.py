"""The patches made beforehand, and which of them a prompt asks for. Nothing here writes code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PATCHES = Path(__file__).parent / "patches"
_FENCE = re.compile(r"DATA (BEGINS|ENDS) (\w+)")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A patch for one cause in one service. `steps`: title and description, for the plan."""

    name: str
    patch: str
    service: str
    causes: frozenset[str]
    title: str
    why: str
    steps: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What a prompt is about, as far as this server reads one. Empty where it does not say."""

    service: str
    cause: str
    fixes: str
    """`Fixes #N`, where the prompt wants that line in the pull request."""


def prepared(folder: Path = PATCHES) -> tuple[Prepared, ...]:
    """All of them, from `index.json`."""
    return tuple(
        Prepared(
            name=one["name"],
            patch=(folder / one["patch"]).read_text(encoding="utf-8"),
            service=one["service"],
            causes=frozenset(one["causes"]),
            title=one["title"],
            why=one["why"],
            steps=tuple((str(title), str(text)) for title, text in one["steps"]),
        )
        for one in json.loads((folder / "index.json").read_text(encoding="utf-8"))
    )


def read(prompt: str) -> Problem:
    """The problem: the lines `- Service: NAME` and `- Cause: NAME` outside of every fence. Fenced text is data."""
    own = "\n".join(_outside(prompt))
    service = re.search(r"^- Service: ([A-Za-z0-9_.-]{1,100})$", own, re.MULTILINE)
    cause = re.search(r"^- Cause: ([a-z-]{1,40})$", own, re.MULTILINE)
    fixes = re.search(r"\bFixes #[1-9]\d{0,9}\b", own)
    return Problem(service[1] if service else "", cause[1] if cause else "", fixes[0] if fixes else "")


def fitting(library: tuple[Prepared, ...], problem: Problem) -> tuple[Prepared, ...]:
    return tuple(one for one in library if one.service == problem.service and problem.cause in one.causes)


def _outside(prompt: str) -> Iterator[str]:
    fence = ""
    for line in prompt.splitlines():
        mark = _FENCE.fullmatch(line)
        if not fence and mark and mark[1] == "BEGINS":
            fence = mark[2]
        elif fence and mark and mark[1] == "ENDS" and mark[2] == fence:
            fence = ""
        elif not fence:
            yield line
