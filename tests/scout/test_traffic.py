"""Spans put together: whose failure, whose time, in any order and however often."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.scout.topology import callers
from agents.scout.traffic import Call, Traffic
from agents.scout.watch import Watch
from shared.analysis.trace import Span
from tests.scout.shop import Shop
from tests.scout.world import EDGES, START, patrol

T0 = int(START.timestamp() * 1e6)


def span(
    span_id: str, parent: str | None, service: str, kind: str, start_ms: float, took_ms: float,
    *, error: bool = False, **attributes: str | int,
) -> Span:  # fmt: skip
    names = {"status_code": "http.response.status_code"}
    known = {names.get(k, k.replace("_", ".")): v for k, v in attributes.items()}
    return Span(
        "a" * 32, span_id, parent, service, f"op {service}", kind, T0 + int(start_ms * 1000), int(took_ms * 1000),
        error, "", known,
    )  # fmt: skip


def settle(*spans: Span, skew: timedelta = timedelta()) -> dict[str, Call]:
    traffic = Traffic()
    at = START + timedelta(seconds=3) + skew
    calls = (*traffic.settle(spans, at), *traffic.settle((), at + timedelta(seconds=1)))
    assert traffic.settle(spans, at + timedelta(seconds=4)) == ()
    return {c.service: c for c in calls}


def chain(*, error: bool) -> tuple[Span, ...]:
    return (
        span("a", None, "front", "server", 0, 100, error=error),
        span("b", "a", "front", "client", 10, 80, error=error, peer_service="back"),
        span("c", "b", "back", "server", 15, 70, error=error),
    )


def test_a_failure_belongs_to_the_service_where_it_began() -> None:
    calls = settle(*chain(error=True))
    assert (calls["front"].failed, calls["back"].failed) == (False, True)


def test_time_inside_a_call_belongs_to_the_callee() -> None:
    calls = settle(*chain(error=False))
    assert (calls["front"].self_us, calls["back"].self_us) == (20_000, 70_000)


def test_overlapping_calls_are_taken_off_once() -> None:
    calls = settle(
        span("a", None, "front", "server", 0, 100),
        span("b", "a", "front", "client", 10, 50),
        span("c", "a", "front", "client", 40, 50),
        span("d", "a", "front", "internal", 0, 100),
        span("e", "d", "front", "client", 95, 50),
    )
    assert calls["front"].self_us == 15_000


def test_a_call_nobody_answered_is_a_failure_of_the_service_that_was_called() -> None:
    calls = settle(*chain(error=True)[:2])
    assert not calls["front"].failed
    assert calls["back"].failed
    assert not calls["back"].answered


def test_a_call_refused_as_the_callers_mistake_is_the_callers_failure() -> None:
    calls = settle(
        span("a", None, "front", "server", 0, 100, error=True),
        span("b", "a", "front", "client", 10, 80, error=True, peer_service="back", status_code=400),
    )
    assert calls["front"].failed
    assert "back" not in calls


def test_a_call_is_attributed_by_host_name_or_by_what_answered_it_before() -> None:
    named = settle(span("b", None, "front", "client", 0, 9, error=True, server_address="back"))
    assert named["back"].failed
    traffic = Traffic()
    first = [span("b", None, "front", "client", 0, 9), span("c", "b", "back", "server", 1, 7)]
    traffic.settle(first, START)
    traffic.settle((), START + timedelta(seconds=1))
    later = Span("b" * 32, "x", None, "front", "op front", "client", T0, 9, True)
    traffic.settle([later], START + timedelta(seconds=2))
    [call] = traffic.settle((), START + timedelta(seconds=3))
    assert call.service == "back"


@pytest.mark.parametrize("skew", [timedelta(minutes=10), timedelta(minutes=-10)])
def test_a_sender_whose_clock_is_off_is_dated_by_the_arrival(skew: timedelta) -> None:
    calls = settle(*chain(error=False), skew=skew)
    assert abs(calls["back"].started - (START + skew + timedelta(seconds=3))) < timedelta(seconds=2)


def test_a_span_that_comes_late_is_dated_by_its_own_clock() -> None:
    traffic = Traffic()
    traffic.settle(chain(error=False), START + timedelta(seconds=1))
    late = Span("b" * 32, "z", None, "back", "op back", "server", T0, 9, False)
    calls = traffic.settle([late], START + timedelta(seconds=20))
    assert [c.started for c in calls if c.trace_id == "b" * 32] == [START]


def test_cycles_missing_parents_and_absurd_times_do_not_break_it() -> None:
    spans = [
        span("a", "b", "front", "server", 0, 10),
        span("b", "a", "front", "client", 0, 10),
        span("c", "c", "front", "internal", 0, 10),
        span("d", "gone", "back", "server", 0, 10),
        Span("a" * 32, "e", None, "back", "op", "server", 2**62, 2**62, True),
        Span("a" * 32, "f", None, "back", "op", "server", -(2**62), 5, True),
    ]
    assert set(settle(*spans)) == {"front", "back"}


def test_a_trace_of_ten_thousand_spans_is_judged_whole() -> None:
    spans = [span("0", None, "front", "server", 0, 1)]
    spans += [span(str(i), str(i - 1 - i % 7 % i), "front", "internal", 0, 1) for i in range(1, 10_000)]
    assert "front" in settle(*spans)


def journeys(seed: int) -> list[Span]:
    shop = Shop(seed)
    shop.faults.failing["user-service"] = 0.3
    return [s for _ in range(6) for s in shop.step().spans]


@given(st.randoms(use_true_random=False), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_order_and_doubles_do_not_matter(chance: random.Random, times: int) -> None:
    spans = journeys(1)
    at = START + timedelta(seconds=5)
    expected = Traffic()
    at_once = expected.settle(spans, at)
    assert at_once
    mixed = Traffic()
    shuffled = spans * times
    chance.shuffle(shuffled)
    assert mixed.settle(shuffled, at) == at_once
    later = at + timedelta(seconds=1)
    assert mixed.settle(shuffled, later) == expected.settle((), later)
    assert mixed.settle(shuffled, later + timedelta(seconds=3)) == ()
    assert expected.topology.edges == mixed.topology.edges


def test_the_topology_of_the_shop_is_learned_from_its_spans() -> None:
    watch = Watch(shop := Shop())
    patrol(watch, 20)
    assert shop.last is not None
    assert watch._traffic.topology.edges == EDGES
    assert callers(EDGES, "policy-service") == {"frontend", "quote-service"}
    assert callers(EDGES, "user-service") == {"frontend", "quote-service", "policy-service"}


def test_memory_is_bounded() -> None:
    traffic = Traffic()
    for n in range(300):
        spans = [Span(f"{n:032x}", f"{n}-{i}", None, "s", "op", "server", T0, 5, False) for i in range(200)]
        traffic.settle(spans, START + timedelta(seconds=n / 100))
    assert traffic._held <= 50_200
    traffic.settle((), START + timedelta(seconds=60))
    assert traffic._held == 0


def test_a_failed_call_waits_for_the_callees_side_and_nothing_else_does() -> None:
    front, call, back = chain(error=True)
    traffic = Traffic()
    assert traffic.settle((front, call), START) == ()
    both = traffic.settle((back,), START + timedelta(seconds=0.2))
    assert [(c.service, c.failed) for c in both] == [("back", True), ("front", False)]
    assert traffic.settle((), START + timedelta(seconds=3)) == ()
    assert len(Traffic().settle(chain(error=False), START)) == 2
