"""Evidence to be cited: what was seen, word for word, with its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["trace", "metric", "log", "change"]


@dataclass(frozen=True, slots=True)
class Proof:
    """`verbatim` is JSON types; `id` ends in the first eight digits of its hash."""

    id: str
    kind: Kind
    summary: str
    verbatim: Mapping[str, Any]
    sha256: str
    trace_id: str = ""
    span_id: str = ""


def prove(kind: Kind, name: str, summary: str, verbatim: Mapping[str, Any]) -> Proof:
    """Evidence of what is in `verbatim`; its `trace` and `span` entries are taken over."""
    digest = digest_of(verbatim)
    return Proof(
        id=f"{kind}-{name[:60]}-{digest[:8]}",
        kind=kind,
        summary=summary,
        verbatim=verbatim,
        sha256=digest,
        trace_id=str(verbatim.get("trace", "")),
        span_id=str(verbatim.get("span", "")),
    )


def digest_of(verbatim: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the canonical JSON, the same as shared.incident.evidence makes."""
    text = json.dumps(verbatim, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def holds(proof: Proof) -> bool:
    """Is the hash that of the words, and the id that of the hash?"""
    digest = digest_of(proof.verbatim)
    return proof.sha256 == digest and proof.id.endswith(f"-{digest[:8]}")
