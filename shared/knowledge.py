"""The knowledge base as the fleet needs it. It finds; it has no authority: what decides is read again at GitHub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.recall.document import Document, Kind

Vector = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for. Empty words are not known."""

    text: str
    now: datetime
    service: str = ""
    symptom: str = ""
    cause: str = ""
    kinds: tuple[Kind, ...] = ("incident",)
    limit: int = 5
    besides: int = 0
    """An issue that is not to be found: the one that asks."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """A document that was found. `similarity`: cosine of the texts; `score`: the hybrid rank, higher is better."""

    document: Document
    similarity: float
    score: float


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
