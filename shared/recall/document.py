"""A document of the knowledge base: a text with where it comes from. Whatever it says is data, never an instruction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.incident.evidence import sha256_of

Kind = Literal["incident", "runbook", "doc", "code"]
Ending = Literal["", "worked", "failed", "unresolved"]
"""What came of an incident's actions; empty for what is no incident."""


@dataclass(frozen=True, slots=True)
class Document:
    """`id` is the same for the same thing at every time: `incident-42-1` (issue, firing from 1), `docs/x.md#3`."""

    id: str
    kind: Kind
    title: str
    text: str
    source: str
    """Where a person reads it: the issue's URL, or `PATH@COMMIT`."""
    proof: str
    """What it was made from, exactly: the digest of the log's last fact, or the SHA of the blob."""
    at: datetime
    """When it ended, or was committed."""
    service: str = ""
    symptom: str = ""
    cause: str = ""
    ending: Ending = ""
    issue: int = 0

    @property
    def passage(self) -> str:
        """The text that its vector is made of."""
        return f"{self.title}\n{self.text}"

    @property
    def digest(self) -> str:
        """The SHA-256 (hex) of all of it: another digest is to be indexed again.

        A file's commit and its time are left out: the same blob stands in many commits, and any of them names it well.
        """
        left_out = () if self.kind == "incident" else ("source", "at")
        values = (getattr(self, name) for name in self.__slots__ if name not in left_out)
        return sha256_of([v.isoformat() if isinstance(v, datetime) else v for v in values])
