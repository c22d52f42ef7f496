"""What counts as evidence, and what does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.rca_generate import Document, Fault, World, window
from shared.analysis.rca.counts import of_many
from shared.analysis.rca.latency import latency
from shared.analysis.rca.logs import logs
from shared.analysis.rca.rank import Diagnosis, diagnose
from shared.analysis.rca.structure import structure
from shared.analysis.rca.table import Builder, Table
from shared.analysis.rca.tree import grow

LOGGED = World(30, logs=True)


def read(before: Document, after: Document) -> Table:
    builder = Builder()
    builder.add_jaeger(before["data"], incident=False)
    builder.add_jaeger(after["data"], incident=True)
    return builder.table()


def spans_of(document: Document, service: str, operation: str) -> Iterator[dict[str, Any]]:
    for trace in document["data"]:
        for span in trace["spans"]:
            if span["processID"].startswith(f"{service}#") and span["operationName"] == operation:
                yield span


def windows(world: World = LOGGED, fault: Fault | None = None) -> tuple[Document, Document]:
    return window(world, incident=False), window(world, incident=True, fault=fault)


def line(message: str) -> dict[str, Any]:
    fields = [
        {"key": "level", "type": "string", "value": "info"},
        {"key": "message", "type": "string", "value": message},
    ]
    return {"timestamp": 1_700_000_000_000_000, "fields": fields}


def ask(before: Document, after: Document) -> Diagnosis:
    return diagnose(read(before, after))


def test_a_line_that_comes_less_often_than_the_line_it_came_with_is_lost_though_every_span_still_has_it() -> None:
    """Per ticket one line asks and one answers; an exception that nobody reports swallows half of the answers."""
    before, after = windows()
    for document, answers in ((before, 4), (after, 2)):
        for span in spans_of(document, "stock", "reserve"):
            span["logs"] += [line(f"asked for ticket {n}") for n in range(4)]
            span["logs"] += [line(f"distance of ticket {n}") for n in range(answers)]
    found = ask(before, after)
    assert (found.ranked[0].service, found.unknown) == ("stock", False)
    said = next(p for p in found.ranked[0].evidence if "as_often_as" in p.verbatim)
    assert said.verbatim["template"] == "distance of ticket *"
    assert said.verbatim["as_often_as"] == "asked for ticket *"


def test_fewer_of_both_lines_is_less_work_and_no_evidence() -> None:
    before, after = windows()
    for document, tickets in ((before, 4), (after, 2)):
        for span in spans_of(document, "stock", "reserve"):
            span["logs"] += [line(f"asked for ticket {n}") for n in range(tickets)]
            span["logs"] += [line(f"distance of ticket {n}") for n in range(tickets)]
    assert not any(x.beside for x in logs(read(before, after)).missing)


def test_one_outlier_lifts_a_mean_and_is_no_rise() -> None:
    before, after = windows(World(31))
    span = next(spans_of(after, "users", "name"))
    span["duration"] += 900_000
    table = read(before, after)
    calm = latency(table, grow(table))
    assert calm.own_rise[table.services.index("users")] < 0.05


def test_spans_that_go_on_where_they_used_to_end_are_evidence_too() -> None:
    """The baseline may be the time of the fault, and the incident the time after."""
    before, after = window(World(32), incident=False, fault=Fault("early", "payment")), window(World(32), incident=True)
    table = read(before, after)
    shape = structure(table, grow(table))
    payment = table.services.index("payment")
    assert shape.restored[payment] > 2
    assert shape.early[payment] < 0.01
    suspect = diagnose(table).ranked[0]
    assert suspect.service == "payment"
    assert any("only, before in" in p.summary for p in suspect.evidence)


def test_an_end_after_a_rare_call_is_early_though_the_mix_of_requests_has_grown_heavier() -> None:
    """More of the heavy requests than before must not hide that those of one kind end early."""
    light = World(33, mix=(9.0, 4.0, 3.0))
    heavy = World(33, mix=(1.0, 4.0, 6.0))
    before, after = window(light, incident=False), window(heavy, incident=True, fault=Fault("early", "orders"))
    assert ask(before, after).ranked[0].service == "orders"


@pytest.mark.parametrize("kind", ["exception", "early", "cpu"])
def test_a_sampled_baseline_and_a_full_incident_are_compared_by_shares(kind: str) -> None:
    before = window(World(34, traces=400, sampled=0.2), incident=False)
    after = window(World(34), incident=True, fault=Fault(kind, "stock"))
    assert ask(before, after).ranked[0].service == "stock"


@pytest.mark.parametrize("kind", ["crash", "cpu"])
def test_in_a_cascade_of_timeouts_and_retries_the_last_callee_is_blamed(kind: str) -> None:
    world = World(35, give_up_us=14_000, retries=2, logs=True)
    assert ask(*windows(world, Fault(kind, "bank", 8.0))).ranked[0].service == "bank"


def test_a_red_herring_that_is_slower_by_half_does_not_hide_who_fails() -> None:
    world = World(36, drift={"ads": 1.5})
    assert ask(*windows(world, Fault("exception", "stock"))).ranked[0].service == "stock"


def test_a_slow_consumer_of_messages_is_found_though_nobody_waits_for_it() -> None:
    world = World(37, asynchronous=frozenset(("mail",)))
    assert ask(*windows(world, Fault("cpu", "mail", 6.0))).ranked[0].service == "mail"


@given(st.floats(0, 12), st.integers(1, 500))
def test_the_strongest_of_many_tests_says_less_than_it_says_alone(weight: float, tested: int) -> None:
    many = float(of_many(np.array([weight]), np.array([tested]))[0])
    assert 0.0 <= many <= weight + 1e-6
    assert many >= weight - np.log10(tested) - 1e-6
