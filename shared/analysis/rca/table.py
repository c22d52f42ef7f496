"""Traces read into columns (`columns.py`), fast where they are sound and carefully where they are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from shared.analysis.rca.columns import Bools, Floats, Ints, LogLine, SetAside, Table
from shared.analysis.spans import INSTANCE_KEYS, MAX_US, Corrupt, integer, moment, text
from shared.analysis.trace import Span, Trace

__all__ = ["Bools", "Builder", "Floats", "Ints", "LogLine", "SetAside", "Table"]

FOLLOWS: Final = "FOLLOWS_FROM"
ONE_PARENT: Final = frozenset(((1, "CHILD_OF"),))
LEVELS: Final = ("level", "log.severity", "severity")
MESSAGES: Final = ("message", "exception.message", "event", "log.message")
ERRORS: Final = frozenset(("error", "otel.status_code"))


@dataclass(slots=True)
class Builder:
    """Collects traces into a Table. Broken spans are set aside and counted, never fatal."""

    read_logs: bool = True
    _services: dict[str, int] = field(default_factory=dict)
    _ops: dict[tuple[int, str], int] = field(default_factory=dict)
    _instances: dict[str, int] = field(default_factory=dict)
    _traces: list[str] = field(default_factory=list)
    _sizes: list[int] = field(default_factory=list)
    _windows: list[bool] = field(default_factory=list)
    _ids: list[str] = field(default_factory=list)
    _parents: list[int] = field(default_factory=list)
    _op: list[int] = field(default_factory=list)
    _instance: list[int] = field(default_factory=list)
    _start: list[int] = field(default_factory=list)
    _duration: list[int] = field(default_factory=list)
    _errors: list[int] = field(default_factory=list)
    _async: list[int] = field(default_factory=list)
    _logs: list[LogLine] = field(default_factory=list)
    _aside: SetAside = field(default_factory=SetAside)

    def add_jaeger(self, traces: Iterable[Mapping[str, Any]], *, incident: bool) -> None:
        """Take the traces of a parsed `{"data": […]}`. A trace with anything odd in it goes the careful way."""
        read_logs = self.read_logs
        for trace in traces:
            try:
                spans = trace["spans"]
                ids = [s["spanID"] for s in spans]
                references = [s.get("references") for s in spans]
                parents = [r[0]["spanID"] if r else None for r in references]
                links = {(len(r), r[0]["refType"]) for r in references if r}
                starts = [s["startTime"] for s in spans]
                durations = [s["duration"] for s in spans]
                names = [s["operationName"] for s in spans]
                rows = dict(zip(ids, range(len(self._ids), len(self._ids) + len(ids)), strict=True))
                places = {
                    key: (self._service(p["serviceName"]), self._instance_of(p.get("tags")))
                    for key, p in trace["processes"].items()
                }
                where = [places[s["processID"]] for s in spans]
                odd = (
                    not links <= ONE_PARENT
                    or len(rows) != len(ids)
                    or not set(map(type, ids)) | set(map(type, names)) <= {str}
                    or not set(map(type, starts)) | set(map(type, durations)) <= {int}
                    or (starts and not 0 < min(starts) <= max(starts) < MAX_US)
                    or (durations and not 0 <= min(durations) <= max(durations) < MAX_US)
                )
            except (KeyError, TypeError, AttributeError, IndexError):
                odd = True
            if odd:
                self._careful(trace, incident)
                continue
            ops = self._ops
            self._op += [ops.setdefault((w[0], n), len(ops)) for w, n in zip(where, names, strict=True)]
            self._instance += [w[1] for w in where]
            found = [rows.get(p, -2) if p is not None else -1 for p in parents]
            first = len(self._ids)
            self._ids += ids
            self._parents += found
            self._start += starts
            self._duration += durations
            for n, s in enumerate(spans, first):
                if tags := s.get("tags"):
                    self._tags(n, tags)
                if read_logs and (logs := s.get("logs")):
                    self._lines(n, logs)
            self._close(str(trace.get("traceID", "")), len(ids), incident)

    def add_traces(self, traces: Iterable[Trace], *, incident: bool) -> None:
        """Take traces of the product's model (shared.analysis.trace)."""
        for trace in traces:
            first = len(self._ids)
            rows: dict[str, int] = {}
            kept: list[Span] = []
            for span in trace.spans:
                if span.span_id in rows:
                    self._aside.duplicates += 1
                else:
                    rows[span.span_id] = first + len(kept)
                    kept.append(span)
            for n, span in enumerate(kept):
                self._ids.append(span.span_id)
                self._parents.append(-1 if span.parent_id is None else rows.get(span.parent_id, -2))
                self._op.append(self._ops.setdefault((self._service(span.service), span.operation), len(self._ops)))
                self._instance.append(self._instances.setdefault(span.instance, len(self._instances)))
                self._start.append(span.start_us)
                self._duration.append(span.duration_us)
                if span.error:
                    self._errors.append(first + n)
                if span.kind == "consumer":
                    self._async.append(first + n)
                for event in span.events if self.read_logs else ():
                    self._line(first + n, event.time_us, {**event.attributes, "event": event.name})
            self._close(trace.trace_id, len(kept), incident)

    def leave_out(self, corrupt: int) -> None:
        """Count spans that a parser before this one could not use."""
        self._aside.corrupt += corrupt

    def table(self) -> Table:
        """All that was added, as arrays. Parents that are nowhere make their children roots, counted as orphans."""
        n = len(self._ids)
        parent = np.array(self._parents, np.int64)
        orphans = parent == -2
        self._aside.orphans = int(orphans.sum())
        parent[orphans] = -1
        error, asynchronous = np.zeros(n, bool), np.zeros(n, bool)
        error[self._errors] = True
        asynchronous[self._async] = True
        sizes = np.array(self._sizes, np.int64)
        return Table(
            services=list(self._services),
            operations=list(self._ops),
            instances=list(self._instances),
            trace_ids=self._traces,
            span_ids=self._ids,
            trace=np.repeat(np.arange(len(sizes)), sizes),
            parent=parent,
            op=np.array(self._op, np.int64),
            instance=np.array(self._instance, np.int64),
            start=np.array(self._start, np.int64),
            duration=np.array(self._duration, np.int64),
            error=error,
            asynchronous=asynchronous,
            incident=np.repeat(np.array(self._windows, bool), sizes),
            logs=self._logs,
            set_aside=self._aside,
        )

    def _careful(self, trace: Any, incident: bool) -> None:
        """One trace, span by span, believing nothing."""
        if not isinstance(trace, Mapping):
            self._aside.corrupt += 1
            return
        processes = trace.get("processes")
        processes = processes if isinstance(processes, Mapping) else {}
        first = len(self._ids)
        rows: dict[str, int] = {}
        wanted: list[str | None] = []
        for s in _list(trace.get("spans")):
            try:
                own = text(s.get("spanID"))
                start, duration = moment(integer(s.get("startTime")), integer(s.get("duration")))
                process = s.get("process") or processes.get(s.get("processID")) or {}
                service = self._service(text(process.get("serviceName", "")))
                op = self._ops.setdefault((service, text(s.get("operationName", ""))), len(self._ops))
                instance = self._instance_of(process.get("tags"))
            except (Corrupt, AttributeError, TypeError):
                self._aside.corrupt += 1
                continue
            if own in rows:
                self._aside.duplicates += 1
                continue
            row = rows[own] = len(self._ids)
            parent, follows = _parent(s)
            wanted.append(None if parent == own else parent)
            self._ids.append(own)
            self._op.append(op)
            self._instance.append(instance)
            self._start.append(start)
            self._duration.append(duration)
            if follows:
                self._async.append(row)
            self._tags(row, _list(s.get("tags")))
            if self.read_logs:
                self._lines(row, _list(s.get("logs")))
        self._parents += [-1 if w is None else rows.get(w, -2) for w in wanted]
        self._close(str(trace.get("traceID", "")), len(self._ids) - first, incident)

    def _close(self, trace_id: str, size: int, incident: bool) -> None:
        self._traces.append(trace_id)
        self._sizes.append(size)
        self._windows.append(incident)

    def _service(self, name: str) -> int:
        return self._services.setdefault(name, len(self._services))

    def _instance_of(self, tags: Any) -> int:
        known = {t.get("key"): t.get("value") for t in _list(tags)}
        name = next((str(known[key]) for key in INSTANCE_KEYS if known.get(key)), "")
        return self._instances.setdefault(name, len(self._instances))

    def _tags(self, row: int, tags: Sequence[Any]) -> None:
        for tag in tags:
            if not isinstance(tag, Mapping):
                continue
            key, value = tag.get("key"), tag.get("value")
            if key == "span.kind":
                if value == "consumer":
                    self._async.append(row)
            elif key in ERRORS and value in (True, "true", "ERROR"):
                self._errors.append(row)

    def _lines(self, row: int, logs: Sequence[Any]) -> None:
        for log in logs:
            try:
                fields = {f["key"]: f["value"] for f in log["fields"]}
                when = log["timestamp"]
            except (KeyError, TypeError):
                continue
            self._line(row, when if type(when) is int else 0, fields)

    def _line(self, row: int, when: int, fields: Mapping[Any, Any]) -> None:
        message = fields.get("message") or next((fields[key] for key in MESSAGES if fields.get(key)), "")
        if message:
            level = fields.get("level") or next((fields[key] for key in LEVELS if fields.get(key)), "")
            if fields.get("event") == "exception":
                level = "error"
                message = f"{fields.get('exception.type', '')} {message}"
            self._logs.append(LogLine(row, when, str(level).lower(), str(message)))


def _list(value: Any) -> list[Any]:
    """The objects of a list; anything else is left out."""
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []


def _parent(span: Mapping[str, Any]) -> tuple[str | None, bool]:
    """The parent's span id, and whether the span only follows from it."""
    references = _list(span.get("references"))
    for kind in ("CHILD_OF", FOLLOWS):
        for reference in references:
            if reference.get("refType") == kind and isinstance(reference.get("spanID"), str):
                return reference["spanID"], kind == FOLLOWS
    parent = span.get("parentSpanID")
    return (parent, False) if isinstance(parent, str) and parent.strip("0") else (None, False)
