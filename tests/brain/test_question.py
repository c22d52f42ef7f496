"""What a model is shown: data behind a fence that it cannot end, redacted, short, and always the same for the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import jsonschema  # type: ignore[import-untyped]

from agents.brain.question import LONGEST_TEXT, MOST_EVIDENCE, question, shown
from shared.incident.evidence import observation
from shared.incident.facts import Detected
from shared.incident.parts import Evidence
from shared.incident.replay import Entry, Incident
from shared.incident.status import Status
from shared.ports import Question
from shared.redaction import Redactor
from tests.brain.answers import HOSTILE, PROOFS, answer, near

SINCE = datetime(2026, 1, 1, 12, tzinfo=UTC)
DETECTED = Detected(
    service="policy-service", symptom="latency", fingerprint="f" * 64, severity="critical", summary="slow",
    since=SINCE, evidence=(),
)  # fmt: skip
INCIDENT = Incident(
    "o/r", 7, "http://x/7", Status.DETECTED, (Entry(DETECTED, 0, "scout", SINCE, SINCE, 0, "0" * 64, True),)
)
CANARIES = (
    "ghp_canary0123456789canary0123456789abcd",
    "sk-canary0123456789canary0123456789",
    "AKIACANARY0CANARY012",
    "eyJcanary0canary.eyJcanary0canary.canary0sig",
    "hunter2-canary",
    "known-canary-secret",
)


def ask(evidence: tuple[Evidence, ...] = PROOFS, redactor: Redactor | None = None) -> Question:
    redactor = redactor or Redactor()
    return question(INCIDENT, shown(near(0.48, 0.4, 0.12), evidence, redactor), redactor)


def test_the_same_case_is_the_same_question_and_another_is_another() -> None:
    assert ask() == ask()
    assert ask().key != ask(PROOFS[:1]).key
    assert (ask().incident, ask().number) == ("o/r#7", 7)


def test_the_data_stands_between_fences_and_nothing_in_it_can_end_them() -> None:
    asked = ask()
    first, *inside, last = asked.data.split("\n")
    fence = first.removeprefix("DATA BEGINS ")
    assert last == f"DATA ENDS {fence}"
    assert fence in asked.system
    assert fence not in "\n".join(inside)
    value = json.loads("\n".join(inside))
    assert [h["probability"] for h in value["hypotheses"]] == [0.48, 0.4, 0.12]
    assert value["hypotheses"][0]["evidence"] == ["e1"]


def test_text_from_the_world_is_never_in_the_instructions() -> None:
    system = ask().system
    assert "policy-service" not in system
    assert "Ignore previous" not in system
    assert HOSTILE.summary.split()[0] not in system


def test_no_secret_is_in_the_question_wherever_it_stood() -> None:
    redactor = Redactor(["known-canary-secret"])
    texts = [
        f"token {CANARIES[0]} and {CANARIES[1]}",
        f"{'x' * (LONGEST_TEXT - 20)} {CANARIES[2]}",
        f"Authorization: Bearer {CANARIES[3]}",
        f"password={CANARIES[4]} in {CANARIES[5]}",
    ]
    proofs = tuple(observation(f"log-{n}", "log", text, text) for n, text in enumerate(texts))
    asked = ask(proofs, redactor)
    for canary in CANARIES:
        assert canary not in asked.data
        assert canary[:12] not in asked.data


def test_the_question_is_short_however_much_there_is() -> None:
    many = tuple(observation(f"log-{n}", "log", "\U0001f4a9" * 300, n) for n in range(40))
    asked = ask(many)
    assert len(json.loads(asked.data.split("\n", 1)[1].rsplit("\n", 1)[0])["evidence"]) == MOST_EVIDENCE
    plain = ask(tuple(observation(f"log-{n}", "log", "x y " * 75, n) for n in range(40)))
    assert len(plain.data) + len(plain.system) < 12_000


def test_what_the_hypotheses_cite_comes_first() -> None:
    piece = shown(near(0.48, 0.4, 0.12), (HOSTILE, PROOFS[1], PROOFS[0]), Redactor()).evidence
    assert [p.id for p in piece.values()] == [PROOFS[0].id, PROOFS[1].id, HOSTILE.id]


def test_a_good_answer_has_the_form_that_is_asked_for_and_an_action_has_not() -> None:
    form = dict(ask().form)
    jsonschema.validate(json.loads(answer()), form)
    jsonschema.validate(json.loads(answer(next_observation=None)), form)
    for bad in (answer(action="restart"), answer(ranking=["h9"]), answer(confidence=1)):
        assert list(jsonschema.Draft202012Validator(form).iter_errors(json.loads(bad)))
