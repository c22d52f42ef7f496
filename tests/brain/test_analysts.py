"""Each analyst alone: what it raises, what it holds against, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from agents.brain.analysts import compute, database, deploy, logic, memory, network, traces
from agents.brain.case import Case, Clue
from agents.brain.director import convene
from agents.brain.reading import read
from shared.analysis.trace import Span, Trace
from shared.incident.facts import Diagnosed, Verified
from shared.incident.parts import Cause, Symptom
from shared.incident.replay import Entry, Incident
from shared.ports import Commit, Container
from shared.testing.samples import sample
from tests.brain.scenes import Scene, errors, hang, latency
from tests.brain.test_judge import SINCE, case, container, entry, incident

START_US = int(SINCE.timestamp() * 1e6)


def made(
    n: int,
    start_s: float,
    *,
    way_ms: float = 2.0,
    own_ms: float = 5.0,
    db_ms: float = 3.0,
    db_fails: bool = False,
    asks: bool = True,
    arrives: bool = True,
) -> tuple[Trace, ...]:
    """n requests: frontend calls quote-service, which asks a database that is not traced."""  # fmt: skip
    found = []
    for i in range(n):
        trace_id = f"{int(start_s) + 100:04x}{i:028x}"
        t = START_US + int((start_s + i * 0.05) * 1e6)
        jitter = (i % 7) * 100
        db, own, way = int(db_ms * 1000) + jitter, int(own_ms * 1000) + jitter, int(way_ms * 1000)
        work = own + db
        peer = {"peer.service": "quote-service"}
        root = Span(trace_id, "a", None, "frontend", "GET /", "server", t, work + way + 1000, not arrives)
        call = Span(trace_id, "b", "a", "frontend", "POST", "client", t + 500, work + way, not arrives, "", peer)
        serve = Span(trace_id, "c", "b", "quote-service", "POST /quotes", "server", t + 500 + way // 2, work, db_fails)
        ask = Span(trace_id, "d", "c", "quote-service", "SELECT", "client", t + 600 + way // 2, db, db_fails, "",
                   {"db.system": "postgresql"})  # fmt: skip
        spans = (root, call, *((serve,) if arrives else ()), *((ask,) if arrives and asks else ()))
        found.append(Trace(trace_id, spans))
    return tuple(found)


BEFORE = made(100, -60)


def hear(analyst: object, given: Case, symptom: Symptom = "latency", service: str = "quote-service") -> dict[
    tuple[str, Cause], Clue
]:  # fmt: skip
    about = incident(symptom, service)
    clues: tuple[Clue, ...] = analyst.analyse(about, given, read(given))  # type: ignore[attr-defined]
    assert len({(c.service, c.cause, c.source) for c in clues}) == len(clues)
    return {(c.service, c.cause): c for c in clues if c.weight > 0} | {
        (c.service, c.cause): c for c in clues if c.weight <= 0 and not any(
            o.weight > 0 and (o.service, o.cause) == (c.service, c.cause) for o in clues)
    }  # fmt: skip


def lead(given: Case, symptom: Symptom = "latency", service: str = "quote-service") -> tuple[str, str]:
    best = convene(incident(symptom, service), given).leading
    return best.service, best.cause


def both() -> tuple[Container, Container]:
    return container("frontend"), container("quote-service")


def test_a_longer_way_is_the_networks_and_not_the_services() -> None:
    given = case(*both(), baseline=BEFORE, during=made(30, 0, way_ms=300))
    assert hear(network, given)["quote-service", "network"].weight > 3
    assert hear(compute, given)["quote-service", "slow"].weight < 0, "its own time is as before"
    assert lead(given) == ("quote-service", "network")


def test_an_unchanged_way_speaks_against_the_network() -> None:
    given = case(*both(), baseline=BEFORE, during=made(30, 0, own_ms=300))
    assert hear(network, given)["quote-service", "network"].weight < 0
    assert lead(given) == ("quote-service", "slow")


def test_a_slow_database_is_what_the_service_calls_and_not_its_own_code() -> None:
    given = case(*both(), baseline=BEFORE, during=made(30, 0, db_ms=300))
    assert hear(database, given)["quote-service", "slow-dependency"].weight > 3
    assert lead(given) == ("quote-service", "slow-dependency")


def test_a_database_that_fails_is_a_dependency_that_is_down() -> None:
    given = case(*both(), baseline=BEFORE, during=made(30, 0, db_fails=True))
    assert hear(database, given, "errors")["quote-service", "dependency"].weight > 3
    assert ("quote-service", "errors") not in {k for k, c in hear(logic, given, "errors").items() if c.weight > 0}
    assert lead(given, "errors") == ("quote-service", "dependency")


def test_requests_that_succeed_without_their_calls_end_early() -> None:
    given = case(*both(), baseline=BEFORE, during=made(30, 0, asks=False))
    assert hear(logic, given, "conversion")["quote-service", "early-return"].weight > 3


@pytest.mark.parametrize(("health", "cause"), [("unhealthy", "hang"), ("healthy", "network")])
def test_lost_calls_are_a_hang_or_a_cut_way_as_the_containers_health_says(health: str, cause: str) -> None:
    given = case(
        container("frontend"), container("quote-service", health=health), baseline=BEFORE,
        during=made(30, 0, arrives=False),
    )  # fmt: skip
    assert lead(given, "errors") == ("quote-service", cause)


def test_without_a_health_check_lost_calls_leave_a_doubt_that_a_look_or_a_probe_settles() -> None:
    given = case(
        container("frontend"), container("quote-service", health=None), baseline=BEFORE,
        during=made(30, 0, arrives=False),
    )  # fmt: skip
    panel = convene(incident("errors", "quote-service"), given)
    assert {h.cause for h in panel.hypotheses[:3]} >= {"hang", "network"}
    assert panel.settle is not None


def test_more_calls_than_before_make_slowness_overload() -> None:
    crowd = tuple(
        replace(t, spans=tuple(replace(s, start_us=START_US + (s.start_us - START_US) // 8) for s in t.spans))
        for t in made(200, 0, own_ms=300)
    )
    given = case(*both(), baseline=BEFORE, during=crowd)
    assert hear(compute, given)["quote-service", "saturation"].weight > 3


def test_a_container_that_is_down_speaks_against_faults_of_running_code() -> None:
    down = case(container("quote-service", running=False, status="exited", exit_code=1))
    heard = hear(compute, down, "crash")
    assert heard["quote-service", "crash"].weight == 5.0
    assert heard["quote-service", "errors"].weight < 0
    assert not heard["quote-service", "errors"].raises


def test_a_recent_commit_counts_the_closer_the_more_and_an_import_not_at_all() -> None:
    def commit(seconds: float, *paths: str) -> Commit:
        return Commit(f"{int(seconds):040x}", "dev", "change", SINCE - timedelta(seconds=seconds), "http://x/c", paths)

    near = case(*both(), commits=(commit(10, "quote_service/app.py"), commit(900, "frontend/app.py")))
    heard = hear(deploy, near)
    assert heard["quote-service", "bad-deploy"].weight > 1.9
    assert heard["frontend", "bad-deploy"].weight < 0.3
    large = case(*both(), commits=(commit(10, *(f"quote_service/{n}.py" for n in range(60))),))
    assert hear(deploy, large) == {}
    assert hear(deploy, case(*both(), commits=(commit(-10, "quote_service/app.py"),))) == {}


def test_memory_counts_what_helped_before_and_what_did_not() -> None:
    first = incident("oom", "policy-service", number=3)
    diagnosed = sample("diagnosed")
    assert isinstance(diagnosed, Diagnosed)

    def log(outcome: str, number: int = 3) -> Incident:
        end = Verified.model_validate({"outcome": outcome, "detail": "d", "held_s": 1.0, "measures": ()})
        more: tuple[Entry, ...] = (entry(diagnosed, 1), entry(end, 2))
        return replace(first, number=number, entries=(*first.entries, *more))

    heard = hear(memory, case(earlier=(log("healthy"), log("healthy", 4))), "oom", "policy-service")
    assert heard["policy-service", "oom"].weight == 1.0
    heard = hear(memory, case(earlier=(log("unhealthy"),)), "oom", "policy-service")
    assert heard["policy-service", "oom"].weight == -0.5
    assert hear(memory, case(earlier=(log("recovered"),)), "oom", "policy-service") == {}


def test_the_ranking_counts_less_for_another_class_than_its_own() -> None:
    scene = Scene(latency("user-service"))
    about = scene.incident("user-service", "latency")
    given = scene.seen(about).case
    clues = {c.cause: c for c in traces.analyse(about, given, read(given)) if c.service == "user-service"}
    assert clues["slow"].weight == 4.0
    assert clues["slow"].raises
    assert clues["hang"].weight == 2.5
    assert not clues["hang"].raises


def test_an_answer_that_is_still_under_way_is_held_against_who_answered_with_500() -> None:
    scene = Scene(errors("policy-service"))
    about = scene.incident("quote-service", "errors")
    given = scene.seen(about).case

    def cut(trace: Trace) -> Trace:
        answered = [
            replace(s, attributes={**s.attributes, "http.response.status_code": 500})
            if s.kind == "client" and s.error
            else s
            for s in trace.spans
            if s.service != "policy-service"
        ]
        return Trace(trace.trace_id, tuple(answered))

    early = replace(given, during=tuple(cut(t) for t in given.during))
    heard = {(c.service, c.cause) for c in logic.analyse(about, early, read(early)) if c.weight > 0}
    assert heard == {("policy-service", "errors")}


def test_a_hang_is_not_told_as_errors_of_the_callers() -> None:
    scene = Scene(hang("policy-service"), after=5.0)
    about = scene.incident("quote-service", "errors")
    given = scene.seen(about).case
    assert not [c for c in logic.analyse(about, given, read(given)) if c.weight > 0 and c.cause == "errors"]


def test_hostile_service_names_are_left_out() -> None:
    evil = "x | `y` <img>"
    rename = tuple(
        Trace(
            t.trace_id, tuple(replace(s, service=evil if s.service == "quote-service" else s.service) for s in t.spans)
        )
        for t in made(30, 0, own_ms=300)
    )
    given = case(*both(), baseline=BEFORE, during=rename)
    panel = convene(incident("latency", "frontend"), given)
    assert all(h.service != evil for h in panel.hypotheses)
