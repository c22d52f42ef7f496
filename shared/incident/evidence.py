"""How an observation becomes evidence: its verbatim hash, one clean line for people, links only of the right shape."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from shared.incident.parts import Evidence, EvidenceKind
from shared.incident.record import canonical_json

SERVICE_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}")
"""What may be the name of a service (facts.Name). Anything else in telemetry is left out."""
ALERT: Final = "alert-"
"""How the id of every alert's evidence begins."""
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")


def observation(
    id: str,
    kind: EvidenceKind,
    summary: str,
    verbatim: object,
    *,
    trace_id: str | None = None,
    link: str | None = None,
) -> Evidence:
    """Evidence whose hash is over `verbatim` (JSON types only) as canonical JSON. Odd texts are cut or left out."""
    return Evidence(
        id=one_line(id, 80),
        kind=kind,
        summary=one_line(summary),
        sha256=sha256_of(verbatim),
        trace_id=trace_id if trace_id and _TRACE_ID.fullmatch(trace_id) else None,
        link=link if link and len(link) <= 500 else None,
    )


def by_alert(evidence: Sequence[Evidence]) -> bool:
    """Whether only alerts, rules outside of the fleet, speak for it."""
    return bool(evidence) and all(one.id.startswith(ALERT) for one in evidence)


def sha256_of(verbatim: object) -> str:
    """The SHA-256 (hex) of `verbatim` (JSON types only) as canonical JSON."""
    return hashlib.sha256(canonical_json(verbatim).encode()).hexdigest()


def one_line(text: str, limit: int = 300) -> str:
    """`text` on one line of at most `limit` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
