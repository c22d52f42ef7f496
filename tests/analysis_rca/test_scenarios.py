"""Generated incidents of an invented shop: the right service and class comes first, or the answer is "unknown"."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.rca_generate import ENTRIES, SHOP, Fault, World
from shared.analysis.rca.proof import holds
from shared.incident.evidence import observation
from tests.analysis_rca.conftest import Ask

SERVICES = ("catalog", "payment", "stock")


@pytest.mark.parametrize("service", [*SERVICES, "users", "bank"])
@pytest.mark.parametrize(
    ("kind", "causes"),
    [
        ("cpu", {"cpu", "slow-dependency"}),
        ("network", {"network-delay"}),
        ("exception", {"exception"}),
        ("crash", {"crash"}),
        ("saturation", {"saturation"}),
    ],
)
def test_a_fault_is_found_with_its_class(ask: Ask, kind: str, causes: set[str], service: str) -> None:
    found = ask(World(seed=1), Fault(kind, service))
    assert found.ranked[0].service == service
    assert found.ranked[0].cause in causes


@pytest.mark.parametrize("service", SERVICES)
def test_an_early_return_leaves_no_error_and_is_found_by_structure(ask: Ask, service: str) -> None:
    found = ask(World(seed=2), Fault("early", service))
    assert (found.ranked[0].service, found.ranked[0].cause) == (service, "early-return")


@pytest.mark.parametrize("service", ["catalog", "stock"])
def test_a_slow_database_is_told_from_a_busy_processor(ask: Ask, service: str) -> None:
    found = ask(World(seed=3), Fault("database", service))
    assert (found.ranked[0].service, found.ranked[0].cause) == (service, "slow-dependency")


def test_a_rule_that_refuses_is_told_from_a_failure(ask: Ask) -> None:
    found = ask(World(seed=4, logs=True), Fault("refusal", "payment"))
    assert (found.ranked[0].service, found.ranked[0].cause) == ("payment", "business-rule")


def test_memory_that_fills_up_is_named_when_metrics_show_it_beside_slowness(ask: Ask) -> None:
    from bench.rca_generate import gauges, window
    from shared.analysis.rca.metrics import Rows
    from shared.analysis.rca.rank import diagnose
    from tests.analysis_rca.conftest import table_of

    world = World(seed=4)
    slow = Fault("cpu", "payment", 1.6)
    given = gauges(world, window(world, incident=True, fault=slow), Fault("memory", "payment"))
    found = diagnose(table_of(world, slow), Rows(given["columns"], given["rows"]))
    assert (found.ranked[0].service, found.ranked[0].cause) == ("payment", "memory")


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(World(5, parallel=True), id="fan-out"),
        pytest.param(World(5, retries=2), id="retries"),
        pytest.param(World(5, lost=0.05), id="missing spans"),
        pytest.param(World(5, skew_us={"catalog": 400_000, "payment": -700_000, "stock": 90_000}), id="clock skew"),
        pytest.param(World(5, sampled=0.4, traces=300), id="sampling"),
        pytest.param(World(5, statuses=False), id="no statuses"),
        pytest.param(World(5, asynchronous=frozenset(("mail",))), id="async consumer"),
        pytest.param(World(5, give_up_us=15_000), id="impatient callers"),
        pytest.param(World(5, drift={"reviews": 1.25}), id="red herring"),
        pytest.param(World(5, instances=3), id="three instances"),
    ],
)
@pytest.mark.parametrize(("kind", "service"), [("cpu", "payment"), ("network", "stock")])
def test_the_way_traces_are_made_and_lost_does_not_hide_a_fault(
    ask: Ask, world: World, kind: str, service: str
) -> None:
    assert ask(world, Fault(kind, service)).ranked[0].service == service


def test_the_loudest_symptom_far_from_the_cause_is_not_blamed(ask: Ask) -> None:
    """The bank is slow; everybody above gives up, fails and says so."""
    found = ask(World(6, give_up_us=12_000, logs=True), Fault("cpu", "bank", 6.0))
    assert found.ranked[0].service == "bank"


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("logs", [False, True])
def test_where_nothing_is_wrong_the_answer_is_unknown_with_a_reason(ask: Ask, seed: int, logs: bool) -> None:
    found = ask(World(100 + seed, logs=logs), metrics=bool(seed % 2))
    assert found.unknown
    assert "nothing differs" in found.because


def test_the_pod_whose_processor_is_busy_is_named_as_evidence(ask: Ask) -> None:
    found = ask(World(7), Fault("cpu", "payment"), metrics=True)
    assert (found.ranked[0].service, found.ranked[0].cause, found.unknown) == ("payment", "cpu", False)
    assert "metric" in {proof.kind for proof in found.ranked[0].evidence}


def test_every_proof_holds_word_for_word_and_points_to_a_span_that_is_there(ask: Ask) -> None:
    from tests.analysis_rca.conftest import table_of

    fault = Fault("cpu", "payment")
    found = ask(World(8), fault)
    table = table_of(World(8), fault)
    proofs = [proof for suspect in found.ranked for proof in suspect.evidence]
    assert proofs
    for proof in proofs:
        assert holds(proof)
        assert not holds(replace(proof, verbatim={**proof.verbatim, "what": "something else"}))
        taken_over = observation(proof.id, "trace", proof.summary, dict(proof.verbatim))
        assert (taken_over.id, taken_over.sha256) == (proof.id, proof.sha256)
        if proof.kind == "trace":
            assert (proof.trace_id, proof.span_id) in {
                (table.trace_ids[t], s) for t, s in zip(table.trace.tolist(), table.span_ids, strict=True)
            }


def test_the_same_windows_give_the_same_diagnosis(ask: Ask) -> None:
    world, fault = World(9, logs=True), Fault("exception", "stock", share=0.5)
    assert ask(world, fault, metrics=True) == ask(world, fault, metrics=True)


def test_a_recent_deployment_speaks_for_a_service_that_has_changed_and_for_no_other() -> None:
    from shared.analysis.rca.rank import diagnose
    from tests.analysis_rca.conftest import table_of

    world, fault = World(10), Fault("cpu", "payment")
    plain = diagnose(table_of(world, fault))
    told = diagnose(table_of(world, fault), None, {"payment": 30.0, "nobody": 1.0})
    assert told.ranked[0].service == "payment"
    assert told.ranked[0].cause == "bad-deploy"
    assert told.ranked[0].probability > plain.ranked[0].probability
    quiet = diagnose(table_of(world), None, {"payment": 30.0})
    assert quiet.unknown


def test_probabilities_are_shares_of_one(ask: Ask) -> None:
    found = ask(World(11), Fault("network", "users"))
    assert sum(s.probability for s in found.ranked) + found.none == pytest.approx(1.0, abs=0.01)


def test_a_trace_of_ten_thousand_spans_is_diagnosed() -> None:
    from shared.analysis.rca.rank import diagnose
    from tests.analysis_rca.conftest import table_of

    shop = dict(SHOP)
    shop["gateway", "GET /"] = (900, (("catalog", "list"),) * 3_400)
    table = table_of(World(12, traces=2, shop=shop, entries=ENTRIES[:1]), Fault("cpu", "catalog"))
    assert len(table) > 20_000
    assert diagnose(table).ranked[0].service == "catalog"
