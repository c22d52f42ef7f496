"""What is looked for in the knowledge base, and what is found. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.recall.document import Document, Kind


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
