"""The traces of all patients in a window, with as few questions to the trace store as that takes."""

from __future__ import annotations

from datetime import datetime

from agents.scout.observations import is_patient
from shared.analysis.trace import Trace
from shared.ports import Traces


class Survey:
    """One thread reads at a time. `most`: traces per question."""

    def __init__(self, traces: Traces, most: int) -> None:
        self._traces, self._most = traces, most
        self._breadth: dict[str, int] = {}
        """Service to how many services stood in its traces when last read: the broadest is asked first."""

    def read(self, start: datetime, end: datetime, *, whole: bool = False) -> tuple[Trace, ...]:
        """Each trace once. A service that stood in another's traces is asked only if `whole`.

        Raises Transient and Permanent.
        """
        services = [s for s in self._traces.services() if is_patient(s)]
        found: dict[str, Trace] = {}
        covered: set[str] = set()
        for service in sorted(services, key=lambda s: (-self._breadth.get(s, 0), s)):
            if service in covered and not whole:
                continue
            traces = self._traces.traces(service, start, end, limit=self._most)
            found |= {trace.trace_id: trace for trace in traces}
            reached = {span.service for trace in traces for span in trace.spans}
            covered |= reached
            if reached:
                self._breadth[service] = len(reached)
        return tuple(found.values())
