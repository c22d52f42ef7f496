"""The exhibit: the worst trace of the leading hypothesis' service beside a normal one, frozen as text."""

from __future__ import annotations

import re
from typing import Final

from agents.brain.reading import Reading
from shared.analysis.rca.contrast import worst_and_normal
from shared.analysis.rca.waterfall import waterfall
from shared.incident.evidence import one_line, sha256_of
from shared.incident.facts import Exhibit

WORST: Final = 4_000
NORMAL: Final = 2_500
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")


def exhibit(reading: Reading, service: str) -> Exhibit | None:
    """None when no trace of the incident passes through `service`, or nothing could be compared."""
    if reading.found is None:
        return None
    contrast = worst_and_normal(reading.table, reading.found, service)
    if contrast is None or not _TRACE_ID.fullmatch(reading.table.trace_ids[contrast.worst]):
        return None
    worst = _text(reading, contrast.worst, WORST)
    beside = contrast.normal >= 0 and _TRACE_ID.fullmatch(reading.table.trace_ids[contrast.normal]) is not None
    normal = _text(reading, contrast.normal, NORMAL) if beside else ""
    difference = one_line(contrast.difference)
    return Exhibit(
        difference=difference,
        worst=worst,
        worst_trace_id=reading.table.trace_ids[contrast.worst],
        normal=normal,
        normal_trace_id=reading.table.trace_ids[contrast.normal] if normal else None,
        sha256=sha256_of([worst, normal, difference]),
    )


def _text(reading: Reading, trace: int, limit: int) -> str:
    """The waterfall's first lines, as many as fit."""
    text = ""
    for line in waterfall(reading.table, trace):
        if len(text) + len(line) > limit - 20:
            return text + "… cut"
        text += line + "\n"
    return text.rstrip("\n")
