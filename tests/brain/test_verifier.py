"""Evidence holds word for word, or the claim is dropped and counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents.brain import director
from agents.brain.analysts import compute
from agents.brain.case import Case, Cited, Clue, evidence
from agents.brain.reading import Reading
from agents.brain.verifier import cited_only, unsupported, verified
from shared.incident.evidence import observation, sha256_of
from shared.incident.parts import Hypothesis
from shared.incident.replay import Incident
from tests.brain.scenes import Scene, latency

TRACE = "a" * 32
SEEN = {"service": "quote-service", "median_us": 402_134, "median_us_before": 4_870, "spans": 22, "share": 0.1234}
PROOF = evidence("trace", "quote", "median 402 ms, was 4.9 ms (22 spans), 12.3% of all", SEEN, trace_id=TRACE)
CLUE = Clue("compute", "traces", "quote-service", "slow", 4.0, "its own time has grown", (PROOF,))


def told(clue: Clue) -> tuple[int, str]:
    kept, dropped = verified([clue], {TRACE}, ())
    return len(kept), "; ".join(dropped)


def test_what_holds_is_kept_and_nothing_is_said_of_it() -> None:
    assert told(CLUE) == (1, "")


def changed(**fields: str) -> Clue:
    return replace(CLUE, evidence=(replace(PROOF, evidence=PROOF.evidence.model_copy(update=fields)),))


@pytest.mark.parametrize(
    ("tampered", "reason"),
    [
        (changed(sha256="0" * 64), "is not what was seen"),
        (changed(id="trace-quote-00000000"), "is not what was seen"),
        (replace(CLUE, evidence=(replace(PROOF, verbatim=SEEN | {"spans": 23}),)), "is not what was seen"),
        (changed(trace_id="b" * 32), "names a trace that was not seen"),
        (changed(summary="median 403 ms, was 4.9 ms (22 spans)"), "says 403, which was not measured"),
        (changed(summary="99% of all requests fail"), "says 99%, which was not measured"),
        (replace(CLUE, why="77 requests failed"), "77 stands in no evidence"),
        (replace(CLUE, evidence=()), "nothing holds that it cites"),
        (replace(CLUE, evidence=(Cited(PROOF.evidence, None),)), "does not stand in the log"),
    ],
)
def test_tampered_evidence_takes_its_claim_with_it(tampered: Clue, reason: str) -> None:
    kept, why = told(tampered)
    assert kept == 0
    assert reason in why


def test_a_claim_keeps_the_evidence_that_holds_and_loses_the_rest() -> None:
    forged = replace(PROOF, evidence=PROOF.evidence.model_copy(update={"sha256": "0" * 64}))
    (kept,), dropped = verified([replace(CLUE, evidence=(forged, PROOF))], {TRACE}, ())
    assert kept.evidence == (PROOF,)
    assert len(dropped) == 1


def test_evidence_that_scout_signed_is_taken_only_as_it_stands_in_the_log() -> None:
    signed = observation("business-1", "stream", "5 purchases refused", ["5 purchases"])
    clue = replace(CLUE, evidence=(Cited(signed, None),))
    assert verified([clue], set(), (signed,))[0] == (clue,)
    other = signed.model_copy(update={"summary": "6 purchases refused"})
    assert verified([clue], set(), (other,))[0] == ()


@pytest.mark.parametrize(
    ("sentence", "verbatim", "missing"),
    [
        ("402.1 ms now", {"us": 402_134}, None),
        ("0.40 s", {"us": 402_134}, None),
        ("13 ms", {"us": 402_134}, "13"),
        ("GET /v2/quotes/7 failed 3 times", {"op": "GET /v2/quotes/7", "n": 3}, None),
        ("GET /v2/quotes/8 failed", {"op": "GET /v2/quotes/7"}, "8"),
        ("exit code 137", {"exit_code": 137, "oom": True}, None),
        ("exit code 1", {"exit_code": 137, "oom": True}, "1"),
        ("97% sure", {"ranked": [["quote-service", 0.9697]]}, None),
        ("#12: restart was healthy", {"issue": 12}, None),
    ],
)
def test_a_number_is_found_in_the_unit_it_is_said_in(sentence: str, verbatim: object, missing: str | None) -> None:
    assert unsupported(sentence, [verbatim]) == missing


def test_an_id_that_the_fact_does_not_hold_is_taken_out_and_an_uncited_hypothesis_too() -> None:
    one = Hypothesis(id="h1", service="a", cause="slow", probability=0.6, why="w", evidence=("gone", PROOF.evidence.id))
    two = one.model_copy(update={"id": "h2", "evidence": ("gone",)})
    unknown = one.model_copy(update={"id": "h3", "cause": "unknown", "evidence": ()})
    kept, dropped = cited_only((one, two, unknown), (PROOF.evidence,))
    assert [(h.id, h.evidence) for h in kept] == [("h1", (PROOF.evidence.id,)), ("h3", ())]
    assert len(dropped) == 3


def test_the_panel_says_what_it_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Liar:
        """Claims what no trace shows."""

        @staticmethod
        def analyse(incident: Incident, case: Case, reading: Reading) -> tuple[Clue, ...]:
            del incident, case, reading
            return (replace(CLUE, service="frontend", weight=20.0),)

    monkeypatch.setattr(director, "ANALYSTS", (compute, Liar))
    scene = Scene(latency("quote-service"))
    incident = scene.incident("quote-service", "latency")
    panel = director.convene(incident, scene.seen(incident).case)
    assert (panel.leading.service, panel.leading.cause) == ("quote-service", "slow")
    assert any("2 claims dropped because their evidence does not hold" in note for note in panel.notes)


def test_all_that_the_panel_cites_holds_word_for_word() -> None:
    scene = Scene(latency("user-service"))
    incident = scene.incident("quote-service", "latency")
    panel = director.convene(incident, scene.seen(incident).case)
    assert panel.verbatim
    for seen in panel.evidence:
        assert sha256_of(panel.verbatim[seen.id]) == seen.sha256
    assert not [note for note in panel.notes if "dropped" in note]
