"""`rca --since` and `--trace-id` read two windows from a live store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mission_control.rca import live as rca_live
from shared.analysis.trace import Span, Trace
from shared.ports import Permanent

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def trace(name: str, at: datetime, services: tuple[str, ...] = ("shop", "stock")) -> Trace:
    us = int(at.timestamp() * 1e6)
    return Trace(
        name,
        tuple(
            Span(name, f"{name}{n}", f"{name}{n - 1}" if n else None, service, "get", "server", us + n, 9 - n, False)
            for n, service in enumerate(services)
        ),
    )


class Store:
    """Traces in memory, found by service and start."""

    def __init__(self, *traces: Trace) -> None:
        self.all = traces

    def services(self) -> tuple[str, ...]:
        return tuple(sorted({s.service for t in self.all for s in t.spans}))

    def traces(
        self, service: str, start: datetime, end: datetime, *, limit: int = 200, errors_only: bool = False
    ) -> tuple[Trace, ...]:
        assert not errors_only
        low, high = start.timestamp() * 1e6, end.timestamp() * 1e6
        found = (t for t in self.all if any(s.service == service and low <= s.start_us <= high for s in t.spans))
        return tuple(found)[:limit]

    def trace(self, trace_id: str) -> Trace | None:
        return next((t for t in self.all if t.trace_id == trace_id), None)


def ids(store: Store, window: rca_live.Window) -> dict[str, bool]:
    """Each trace that was read, and whether it is of the incident."""
    table = rca_live.read(store, window)
    return {table.trace_ids[t]: bool(i) for t, i in zip(table.trace.tolist(), table.incident.tolist(), strict=True)}


def test_the_last_minutes_are_held_against_the_time_before_them() -> None:
    minute = timedelta(minutes=1)
    store = Store(*(trace(f"t{n}", NOW - n * minute) for n in range(1, 14)))
    read = ids(store, rca_live.since(2.5 * minute, NOW, None))
    assert [name for name, incident in read.items() if incident] == ["t1", "t2"]
    assert [name for name, incident in read.items() if not incident] == [f"t{n}" for n in range(3, 13)]


def test_a_trace_through_several_services_is_read_once() -> None:
    store = Store(trace("one", NOW - timedelta(seconds=5)))
    assert len(rca_live.read(store, rca_live.since(timedelta(minutes=1), NOW, None))) == 2


def test_one_service_alone_can_be_asked_for() -> None:
    store = Store(trace("a", NOW - timedelta(seconds=5)), trace("b", NOW - timedelta(seconds=5), ("user",)))
    assert list(ids(store, rca_live.since(timedelta(minutes=1), NOW, "user"))) == ["b"]


def test_one_trace_is_read_with_what_surrounds_it_in_its_own_services() -> None:
    store = Store(
        trace("odd", NOW),
        trace("after", NOW + timedelta(seconds=10)),
        trace("elsewhere", NOW, ("user",)),
        trace("before", NOW - timedelta(minutes=5)),
    )
    assert ids(store, rca_live.around(store, "odd")) == {"odd": True, "after": True, "before": False}


def test_a_trace_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(Permanent, match="never arrived, or was dropped"):
        rca_live.around(Store(), "f" * 32)


def test_a_store_without_services_has_nothing_to_diagnose() -> None:
    with pytest.raises(Permanent, match="no service has sent a trace"):
        rca_live.read(Store(), rca_live.since(timedelta(minutes=1), NOW, None))
