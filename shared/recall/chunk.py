"""A file of a repository as documents: Markdown by heading, code and configuration by what stands together."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final, get_args

from shared.incident.evidence import one_line
from shared.incident.parts import Cause
from shared.recall.document import Document, Kind

MAX_CHUNK: Final = 1_600
"""Characters of one document: what a person reads at once, and few enough subjects for one vector."""
SMALL: Final = 400
"""Blocks of code are put together as long as they have no more characters than this."""
MAX_FILE: Final = 400_000
"""Characters that are read of one file: what comes after is not found."""
MAX_TITLE: Final = 200
MAX_HEADING: Final = 500
"""A longer line is no heading, whatever it begins with."""
_MARKDOWN: Final = (".md", ".markdown")
_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*?)[ \t]*#*[ \t]*")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_OPENS: Final = re.compile(r"(async def|def|class|@\w+|func|function|export|public|fn|impl|struct|type|interface)\b")
"""How a line without indentation opens a definition, in the languages that patients are usually written in."""


def chunks(
    path: str, text: str, commit: str, blob: str, at: datetime, services: Collection[str] = ()
) -> tuple[Document, ...]:
    """The documents of the file `path` (POSIX, from the root) as `commit` (at `at`) has it; `blob` is its SHA.

    A runbook below `docs/runbooks`, a `doc` where it is other Markdown, `code` for all the rest. A file that has the
    character NUL is no text: none.
    """
    if "\0" in text:
        return ()
    service = service_of(path, services)
    text = text[:MAX_FILE].replace("\r\n", "\n").replace("\r", "\n")
    markdown = path.lower().endswith(_MARKDOWN)
    kind: Kind = "code" if not markdown else "runbook" if path.startswith("docs/runbooks/") else "doc"
    cause = _cause_of(path, service) if kind == "runbook" else ""
    return tuple(
        Document(
            id=f"{path}#{n}",
            kind=kind,
            title=one_line(f"{path}: {title}", MAX_TITLE),
            text=body,
            source=f"{path}@{commit}",
            proof=blob,
            at=at,
            service=service,
            cause=cause,
        )
        for n, (title, body) in enumerate(_sections(text) if markdown else _blocks(text), 1)
    )


def service_of(path: str, services: Collection[str]) -> str:
    """The one of `services` that `path` is about: a folder or the file is called so, or the file's name begins with it
    (`quote-service-oom.md`). Underscores count as hyphens. Empty for none, and for more than one."""
    *folders, file = path.replace("_", "-").lower().split("/")
    name = file.partition(".")[0]
    called = {*folders, name}
    meant = {s for s in services if (known := s.replace("_", "-").lower()) in called or name.startswith(f"{known}-")}
    return meant.pop() if len(meant) == 1 else ""


def _cause_of(path: str, service: str) -> str:
    """The cause that a runbook is called after (`quote-service-oom.md`); empty where its name says none."""
    name = path.rpartition("/")[2].partition(".")[0]
    cause = name[len(service) + 1 :] if service else name
    return cause if cause in get_args(Cause) else ""


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Heading path and text of every section that has any text of its own."""
    headings: list[tuple[int, str]] = []
    body: list[str] = []
    fence = ""
    for line in [*text.split("\n"), None]:
        found = _HEADING.fullmatch(line) if line is not None and not fence and len(line) <= MAX_HEADING else None
        if line is not None and found is None:
            fence = _fenced(line, fence)
            body.append(line)
            continue
        title = " > ".join(words for _, words in headings)
        for piece in _cut("\n".join(body)):
            yield title or _first_line(piece), piece
        body = []
        if found is not None:
            headings = [(level, words) for level, words in headings if level < len(found[1])]
            headings.append((len(found[1]), found[2]))


def _fenced(line: str, fence: str) -> str:
    """The fence that is open after `line`: in one, a `#` is no heading."""
    mark = _FENCE.match(line)
    if mark is None:
        return fence
    if not fence:
        return mark[1]
    closes = mark[1].startswith(fence) and not line.strip().strip(fence[0])
    return "" if closes else fence


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """First line and text of what stands together."""
    kept = ""
    for block in _parted(text):
        if kept and len(kept) + len(block) + 2 > SMALL:
            yield from ((_first_line(piece), piece) for piece in _cut(kept))
            kept = ""
        kept = f"{kept}\n\n{block}" if kept else block
    yield from ((_first_line(piece), piece) for piece in _cut(kept))


def _parted(text: str) -> Iterator[str]:
    """`text` parted before each unindented line that follows a blank one or opens a definition; what decorates a
    definition stays with it."""
    block: list[str] = []
    before = ""
    for line in text.split("\n"):
        outside = bool(line) and not line[0].isspace() and line[0] not in ")]}"
        opens = _OPENS.match(line) is not None and not before.startswith(("@", ")", "#", "//", '"""'))
        if outside and block and (not before.strip() or opens):
            yield "\n".join(block).strip("\n")
            block = []
        if line.strip() or block:
            block.append(line)
        before = line
    if block:
        yield "\n".join(block).strip("\n")


def _cut(text: str) -> Iterator[str]:
    """`text` in pieces of MAX_CHUNK characters at most: cut before a blank line, else a line, else anywhere."""
    while text := text.strip("\n").rstrip():
        if len(text) <= MAX_CHUNK:
            yield text
            return
        half, window = MAX_CHUNK // 2, text[:MAX_CHUNK]
        at = window.rfind("\n\n", half)
        at = at if at > 0 else window.rfind("\n", half)
        at = at if at > 0 else MAX_CHUNK
        if piece := text[:at].rstrip():
            yield piece
        text = text[at:]


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.split("\n") if line.strip()), "")
