"""The exhibit: the worst trace of the leading hypothesis' service beside a normal one, frozen as text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from agents.brain.case import Case
from agents.brain.reading import Reading
from shared.analysis.rca.contrast import worst_and_normal
from shared.analysis.rca.rank import Diagnosis, diagnose
from shared.analysis.rca.table import Builder, Table
from shared.analysis.rca.waterfall import waterfall
from shared.analysis.trace import Trace
from shared.incident.evidence import one_line, sha256_of
from shared.incident.parts import Exhibit

WORST: Final = 4_000
NORMAL: Final = 2_500
LOOKED_AT: Final = 100
"""Traces of each window that the worst and the normal one are chosen from."""
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")


def exhibit(case: Case, reading: Reading, service: str) -> Exhibit | None:
    """None when no trace of the incident passes through `service`, or nothing could be compared.

    Spans of one request arrive from several services, some later than others: traces that are here in whole go first.
    """
    if reading.found is None:
        return None
    during, before = _whole(case.during, service), _whole(case.baseline, service)
    if not during or not before:
        return _exhibit(reading.table, reading.found, service)
    builder = Builder()
    builder.add_traces(before, incident=False)
    builder.add_traces(during, incident=True)
    table = builder.table()
    return _exhibit(table, diagnose(table), service)


def _whole(traces: Iterable[Trace], service: str) -> list[Trace]:
    """Some of the traces through `service` that lack no parent."""
    found = []
    for trace in traces:
        ids = {span.span_id for span in trace.spans}
        if any(s.service == service for s in trace.spans) and all(
            s.parent_id in ids or not s.parent_id for s in trace.spans
        ):
            found.append(trace)
            if len(found) == LOOKED_AT:
                break
    return found


def _exhibit(table: Table, found: Diagnosis, service: str) -> Exhibit | None:
    contrast = worst_and_normal(table, found, service)
    if contrast is None or not _TRACE_ID.fullmatch(table.trace_ids[contrast.worst]):
        return None
    worst = _text(table, contrast.worst, service, WORST)
    beside = contrast.normal >= 0 and _TRACE_ID.fullmatch(table.trace_ids[contrast.normal]) is not None
    normal = _text(table, contrast.normal, service, NORMAL) if beside else ""
    difference = one_line(contrast.difference)
    return Exhibit(
        difference=difference,
        worst=worst,
        worst_trace_id=table.trace_ids[contrast.worst],
        normal=normal,
        normal_trace_id=table.trace_ids[contrast.normal] if normal else None,
        sha256=sha256_of([worst, normal, difference]),
    )


def _text(table: Table, trace: int, service: str, limit: int) -> str:
    """The waterfall's first lines, as many as fit."""
    text = ""
    for line in waterfall(table, trace, service):
        if len(text) + len(line) > limit - 20:
            return text + "… cut"
        text += line + "\n"
    return text.rstrip("\n")
