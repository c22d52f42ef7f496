"""A trace as the peers see it: a list of spans with parent, duration and own time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FAILED = ("error", "fatal", "critical", "severe")


@dataclass(slots=True)
class Seen:
    """One span. Times in µs; `parent` is a position in the trace or -1."""

    service: str
    operation: str
    parent: int
    duration: int
    own: int
    failed: bool


def seen(trace: Mapping[str, Any]) -> list[Seen]:
    """The spans of a trace in Jaeger's JSON; own time is the duration without what children cover."""
    spans = trace["spans"]
    place = {s["spanID"]: n for n, s in enumerate(spans)}
    children: dict[int, list[tuple[int, int]]] = defaultdict(list)
    found = []
    for s in spans:
        references = s.get("references") or []
        parent = place.get(references[0]["spanID"], -1) if references else -1
        children[parent].append((s["startTime"], s["startTime"] + s["duration"]))
        failed = any(t["key"] == "error" and t["value"] in (True, "true") for t in s.get("tags", ())) or any(
            f["key"] == "level" and str(f["value"]).lower() in FAILED
            for log in s.get("logs", ())
            for f in log["fields"]
        )
        service = trace["processes"][s["processID"]]["serviceName"]
        found.append(Seen(service, s["operationName"], parent, s["duration"], 0, failed))
    for n, s in enumerate(spans):
        covered, reached, end = 0, s["startTime"], s["startTime"] + s["duration"]
        for begin, stop in sorted(children.get(n, ())):
            begin, stop = max(begin, reached), min(stop, end)  # noqa: PLW2901 - clipped to what is not counted yet
            if stop > begin:
                covered, reached = covered + stop - begin, stop
        found[n].own = s["duration"] - covered
    return found
