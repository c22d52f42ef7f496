"""Spans put together: which service did what, how long it took by itself, and whose failure a failure is.

A failure belongs to its origin: the service whose own span failed without a failed call to another service. A call
that nobody answered belongs to the service that was called. Time inside calls belongs to the callee.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from agents.scout.senders import Senders
from agents.scout.topology import Topology
from shared.analysis.trace import Span

SETTLED: Final = timedelta(seconds=0.5)
"""A failed call waits so long after the last news of its trace for the callee's side: services export separately."""
AT_LATEST: Final = timedelta(seconds=2.5)
"""A span waits no longer than this for the rest of its trace."""
REMEMBERED: Final = timedelta(seconds=30)
"""How long a judged trace is kept, for latecomers and doubles."""
MOST_SPANS: Final = 50_000
_SERVES: Final = frozenset(("server", "consumer"))
_CALLS: Final = frozenset(("client", "producer"))


@dataclass(frozen=True, slots=True)
class Call:
    """One request that `service` served, or should have. `self_us`: its own time, None when it did not answer."""

    service: str
    operation: str
    trace_id: str
    span_id: str
    started: datetime
    end_us: int
    failed: bool
    self_us: int | None
    detail: str = ""

    @property
    def answered(self) -> bool:
        return self.self_us is not None

    def verbatim(self) -> dict[str, str | int | bool | None]:
        """The call in JSON types."""
        return {
            "service": self.service,
            "operation": self.operation,
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "end_us": self.end_us,
            "failed": self.failed,
            "self_us": self.self_us,
            "detail": self.detail,
        }


@dataclass(slots=True)
class _Tree:
    """One trace as far as it is known. `fresh` are span ids not judged yet."""

    spans: dict[str, Span] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)
    fresh_since: datetime | None = None
    last: datetime | None = None


class Traffic:
    """Takes spans in any order, doubled or late; gives each served request once, by end time.

    `let_go` is given the spans of each trace that is forgotten: nothing new was heard of it for a while.
    """

    def __init__(self, let_go: Callable[[Collection[Span]], None] = lambda _: None) -> None:
        self._let_go = let_go
        self.topology = Topology()
        self._senders = Senders()
        self._trees: OrderedDict[str, _Tree] = OrderedDict()
        self._held = 0

    def settle(self, spans: Iterable[Span], at: datetime) -> tuple[Call, ...]:
        """Add `spans`, seen at `at` (Scout's clock); the requests that can be judged now."""
        for span in spans:
            self._add(span, at)
        calls: list[Call] = []
        for tree in self._trees.values():
            since, last = tree.fresh_since, tree.last
            if since is None or last is None:
                continue
            settled = at - last >= SETTLED or at - since >= AT_LATEST
            if settled or last == at:
                calls.extend(self._judge(tree, settled=settled))
        self._forget(at)
        return tuple(sorted(calls, key=lambda c: (c.end_us, c.span_id, c.service)))

    def _add(self, span: Span, at: datetime) -> None:
        tree = self._trees.setdefault(span.trace_id, _Tree())
        if span.span_id in tree.spans:
            return
        tree.spans[span.span_id] = span
        self._senders.note(span, at)
        tree.fresh.append(span.span_id)
        tree.fresh_since = tree.fresh_since or at
        tree.last = at
        self._trees.move_to_end(span.trace_id)
        self._held += 1

    def _forget(self, at: datetime) -> None:
        while self._trees:
            oldest = next(iter(self._trees.values()))
            stale = oldest.last is None or at - oldest.last > REMEMBERED
            if not stale and self._held <= MOST_SPANS:
                return
            self._trees.popitem(last=False)
            self._held -= len(oldest.spans)
            self._let_go(oldest.spans.values())

    def _judge(self, tree: _Tree, *, settled: bool) -> Iterator[Call]:
        """The fresh spans that can be judged: all when `settled`, before that those that need no word of a callee.

        What a process did within one request it exports before the request itself, so that much is complete.
        """
        children: dict[str, list[Span]] = {}
        for span in tree.spans.values():
            if span.parent_id is not None:
                children.setdefault(span.parent_id, []).append(span)
        for span_id in tree.fresh:
            span = tree.spans[span_id]
            if span.kind in _CALLS:
                self._learn(span, children)
        fresh, tree.fresh = sorted(tree.fresh), []
        for span_id in fresh:
            span = tree.spans[span_id]
            if span.kind in _SERVES or (span.parent_id is None and span.kind not in _CALLS):
                own = tuple(_own(span, children))
                if not settled and span.error and any(_unanswered(s, children) for s in own if s.kind in _CALLS):
                    tree.fresh.append(span_id)
                    continue
                failed = span.error and not any(self._others_fault(s, children) for s in own if s.kind in _CALLS)
                yield _call(
                    span,
                    span.service,
                    self._senders.started(span),
                    failed=failed,
                    self_us=_self_time(span, own, children),
                )
            elif span.kind == "client" and _unanswered(span, children):
                if not settled:
                    tree.fresh.append(span_id)
                    continue
                callee = self.topology.callee(span)
                if callee is not None:
                    yield _call(span, callee, self._senders.started(span), failed=True, self_us=None)
        if not tree.fresh:
            tree.fresh_since = None

    def _learn(self, span: Span, children: Mapping[str, list[Span]]) -> None:
        for child in children.get(span.span_id, ()):
            if child.service != span.service:
                self.topology.learn(span, child.service)
        self.topology.learn_named(span)

    def _others_fault(self, span: Span, children: Mapping[str, list[Span]]) -> bool:
        """Whether this call failed for a reason on the other side."""
        if not span.error:
            return False
        served = [c for c in children.get(span.span_id, ()) if c.service != span.service]
        if not served:
            return _unanswered(span, children)
        return any(c.error or c.end_us > span.end_us for c in served)


def _unanswered(span: Span, children: Mapping[str, list[Span]]) -> bool:
    """A failed call that no span of the callee explains, unless the callee said it was the caller's mistake (4xx)."""
    if not span.error or any(c.service != span.service for c in children.get(span.span_id, ())):
        return False
    status = span.attributes.get("http.response.status_code")
    return not (isinstance(status, int) and 400 <= status < 500)


def _own(entry: Span, children: Mapping[str, list[Span]]) -> Iterator[Span]:
    """The spans below `entry` that are the same service's work, cycles or not."""
    known = {entry.span_id}
    todo = list(children.get(entry.span_id, ()))
    while todo:
        span = todo.pop()
        if span.span_id in known or span.service != entry.service or span.kind in _SERVES:
            continue
        known.add(span.span_id)
        yield span
        todo.extend(children.get(span.span_id, ()))


def _self_time(entry: Span, own: tuple[Span, ...], children: Mapping[str, list[Span]]) -> int:
    """Microseconds of `entry` outside of its calls: the duration less the union of the calls' intervals."""
    away = [(s.start_us, s.end_us) for s in own if s.kind == "client"]
    for span in (entry, *own):
        if span.kind != "client":
            away += [(c.start_us, c.end_us) for c in children.get(span.span_id, ()) if c.service != entry.service]
    busy, reached = 0, entry.start_us
    for start, end in sorted(away):
        start, end = max(start, reached), min(end, entry.end_us)  # noqa: PLW2901 - clipped to what is left
        if end > start:
            busy += end - start
            reached = end
    return max(0, entry.duration_us - busy)


def _call(span: Span, service: str, started: datetime, *, failed: bool, self_us: int | None) -> Call:
    return Call(
        service,
        span.operation,
        span.trace_id,
        span.span_id,
        started,
        span.end_us,
        failed,
        self_us,
        _detail(span) if failed else "",
    )


def _detail(span: Span) -> str:
    for event in span.events:
        if event.name == "exception":
            kind = event.attributes.get("exception.type", "")
            return f"{kind}: {event.attributes.get('exception.message', '')}"
    return span.status_message or str(span.attributes.get("error.type", "error"))
