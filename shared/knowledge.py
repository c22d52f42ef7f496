"""The knowledge base as the fleet needs it. It finds; it has no authority: what decides is read again at GitHub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.recall.document import Document
from shared.recall.wanted import Recalled, Wanted

__all__ = ["Embedder", "Knowledge", "Library", "Recalled", "Vector", "Wanted"]

Vector = tuple[float, ...]


class Embedder(Protocol):
    """Texts as vectors of one length, normalised."""

    @property
    def name(self) -> str:
        """Of the embedding and its version: under another name vectors cannot be compared."""
        ...

    def embed(self, texts: Sequence[str]) -> tuple[Vector, ...]:
        """One vector a text, in order. Raises Transient, Permanent."""
        ...


class Knowledge(Protocol):
    """Read side."""

    def recall(self, wanted: Wanted) -> tuple[Recalled, ...]:
        """The best documents first, `wanted.limit` at most. Raises Transient, Permanent."""
        ...


class Library(Knowledge, Protocol):
    """All of it. Memory's process alone writes."""

    def held(self) -> Mapping[str, str]:
        """Every document's id with its digest."""
        ...

    def put(self, documents: Sequence[Document]) -> None:
        """Add or replace."""
        ...

    def drop(self, ids: Sequence[str]) -> None:
        """Absent ones are fine."""
        ...

    def clear(self) -> None:
        """Take everything out, also what was made with another embedding."""
        ...
