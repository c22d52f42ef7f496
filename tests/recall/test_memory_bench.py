"""The corpus of the memory bench is whole, its halves are what they say, and its peers are textbook."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from bench.memory import SETS, judged, methods, report, run
from bench.memory_cases import enlarged, queries, records
from bench.memory_peers.bm25 import bm25
from bench.memory_peers.tfidf import tfidf
from mission_control.cli import app


def test_every_query_asks_for_a_record_that_is_there() -> None:
    service = {d.id: d.service for d in records()}
    asked = [q for name in SETS for q in queries(name)]
    assert len({q.id for q in asked}) == len(asked) >= 60
    assert all(q.answer == "" or service[q.answer] == q.service for q in asked)
    assert all(q.lure == "" or (q.lure in service and q.lure != q.answer) for q in asked)


def test_the_halves_share_no_query_and_no_text() -> None:
    dev, test = queries("dev"), queries("test")
    assert {q.half for q in dev} == {"dev"}
    assert {q.text for q in dev}.isdisjoint(q.text for q in test)
    assert min(len(dev), len(test)) > 40


@pytest.mark.parametrize("peer", [bm25, tfidf])
def test_a_peer_finds_the_text_that_has_the_rare_word(peer: object) -> None:
    score = peer(["a a a common", "a rare word", "a common word"])  # type: ignore[operator]
    scores = score("rare common")
    assert max(range(3), key=scores.__getitem__) == 1
    assert score("absent") == [0.0, 0.0, 0.0]


def test_more_incidents_are_the_same_every_time_and_of_other_services_or_other_faults() -> None:
    known = records()
    more = enlarged(known, 200)
    assert more == enlarged(known, 200)
    assert len(more) == 200
    assert {(d.service, d.cause) for d in more[len(known) :]}.isdisjoint((d.service, d.cause) for d in known)
    assert any(d.service == known[0].service for d in more[len(known) :])


def test_on_the_dev_half_our_similarity_finds_more_than_the_textbooks_and_metadata_names_the_right_service() -> None:
    _, by_name = methods(records())
    found = {name: judged(queries("dev"), records(), method) for name, method in by_name.items()}
    assert found["similarity"]["hit@1"] > max(found["BM25"]["hit@1"], found["TF-IDF"]["hit@1"]) + 0.1
    assert found["hybrid, as Brain"]["wrong service"] == 0.0


def test_what_is_printed_holds_the_conditions_and_every_method() -> None:
    said = report(run(["dev"], [100]), misses=True)
    for part in ("cores", "BM25", "TF-IDF", "without synonyms", "similarity", "as /similar", "as Brain", "p95 ms"):
        assert part in said


def test_the_command_prints_the_same_as_json_and_refuses_a_size_below_the_corpus() -> None:
    result = CliRunner().invoke(app, ["bench", "memory", "--sizes", "60", "--json"])
    assert result.exit_code == 0
    assert set(json.loads(result.stdout)["quality"]) == set(SETS)
    assert CliRunner().invoke(app, ["bench", "memory", "--sizes", "5"]).exit_code == 2
    assert CliRunner().invoke(app, ["bench", "memory", "--sizes", "many"]).exit_code == 2
