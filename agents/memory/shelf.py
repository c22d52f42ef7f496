"""The files of the repository as documents, read from the head of its default branch, each blob once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Final

import structlog

from agents.memory.index import Clean, cleaned, is_wanted
from shared.ports import Permanent
from shared.recall.chunk import chunks
from shared.recall.document import Document
from shared.source import Source

_log = structlog.get_logger()
MOST_FILES: Final = 400
MOST_DOCUMENTS: Final = 5_000
LONGEST: Final = 200_000
"""Bytes of a file that is read; a longer one is nobody's documentation."""


class Shelf:
    """Remembers what it read: a file whose blob has not changed keeps its documents, and the commit they name."""

    def __init__(self, source: Source, clean: Clean, services: Collection[str], leave_out: Collection[str]) -> None:
        """`services`: names that a path may be about. `leave_out`: paths that are not read, `*` for any characters."""
        self._source = source
        self._clean = clean
        self._services = services
        self._leave_out = leave_out
        self._head = ""
        self._known: dict[str, tuple[str, tuple[Document, ...]]] = {}
        """Path to blob and documents."""

    def documents(self) -> tuple[Document, ...]:
        """All of the head's. Raises Transient, Permanent."""
        head = self._source.head()
        if head != self._head:
            self._read(head)
        return tuple(one for _, made in self._known.values() for one in made)[:MOST_DOCUMENTS]

    def _read(self, head: str) -> None:
        at = self._source.commit(head).at
        paths = sorted(path for path in self._source.paths(head) if is_wanted(path, self._leave_out))
        if len(paths) > MOST_FILES:
            _log.warning("not all files are indexed", files=len(paths), read=MOST_FILES)
        known: dict[str, tuple[str, tuple[Document, ...]]] = {}
        for path in paths[:MOST_FILES]:
            try:
                data = self._source.files(head, (path,))[path].data
            except (Permanent, KeyError) as no:
                _log.info("a file is not indexed", path=path, why=str(no))
                continue
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
            if path in self._known and self._known[path][0] == blob:
                known[path] = self._known[path]
            elif len(data) <= LONGEST:
                text = data.decode("utf-8", "replace")
                made = chunks(path, text, head, blob, at, self._services)
                known[path] = blob, tuple(cleaned(one, self._clean) for one in made)
        self._known, self._head = known, head
