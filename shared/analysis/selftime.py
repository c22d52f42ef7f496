"""Self time: how long a span was busy itself, its children's time (overlaps counted once) taken off."""

from __future__ import annotations

from collections import defaultdict

from shared.analysis.trace import Trace


def self_times_us(trace: Trace) -> dict[str, int]:
    """Self time in microseconds by span id; never negative, children clipped to their parent."""
    children: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for span in trace.spans:
        if span.parent_id is not None:
            children[span.parent_id].append((span.start_us, span.end_us))
    result = {}
    for span in trace.spans:
        covered, reached = 0, span.start_us
        for start, end in sorted(children.get(span.span_id, ())):
            start, end = max(start, reached), min(end, span.end_us)  # noqa: PLW2901 - clipped to what is not counted yet
            if end > start:
                covered += end - start
                reached = end
        result[span.span_id] = max(span.duration_us - covered, 0)
    return result
