"""What may be in the knowledge base: signed facts of whole logs that have ended, and files of the repository."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents.memory.index import Plan, documents_of, is_incident, is_wanted, may_enter, plan, to_label
from shared.incident.facts import Detected, Diagnosed
from shared.incident.labels import FORGET, LEARNED
from shared.incident.replay import Incident, Rejected
from shared.incident.status import Status
from shared.recall.document import Document
from shared.redaction import Redactor
from shared.testing.log import LogBuilder
from shared.testing.samples import START

CLEAN = Redactor(("s3cr3t-token",)).text
HEALED = ("detected", "diagnosed", "ruled:allow", "began", "applied", "verified:healthy", "learned")
ENDED = replace(LogBuilder().do(*HEALED).incident, closed=True)


def documents(incident: Incident) -> tuple[Document, ...]:
    return documents_of(incident, CLEAN)


def text(incident: Incident) -> str:
    (one,) = documents(incident)
    return one.text


def test_an_ended_firing_is_a_document_with_its_provenance_and_outcome() -> None:
    (one,) = documents(ENDED)
    detected, diagnosed = ENDED.detected, ENDED.last(Diagnosed)
    assert diagnosed is not None
    assert (one.id, one.kind, one.issue) == (f"incident-{ENDED.number}-1", "incident", ENDED.number)
    assert (one.source, one.proof, one.at) == (ENDED.url, ENDED.head, ENDED.entries[-1].posted_at)
    assert (one.service, one.symptom, one.cause) == (detected.service, detected.symptom, diagnosed.cause)
    assert one.ending == "worked"
    assert detected.summary in one.text
    assert diagnosed.root_cause in one.text
    assert "restart of policy-service worked" in one.text


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.CLOSED])
def test_what_has_not_ended_is_no_document(status: Status) -> None:
    assert documents(LogBuilder().to(status).incident) == ()


def test_of_a_reopened_incident_the_firing_that_has_ended_stays() -> None:
    log = LogBuilder().do(*HEALED)
    before = documents(log.incident)
    log.do(*HEALED[:5])
    assert documents(log.incident) == before
    log.do(*HEALED[5:])
    assert [one.id for one in documents(log.incident)] == ["incident-7-1", "incident-7-2"]


@pytest.mark.parametrize(
    "touched",
    [
        {"gaps": ("comment 9 follows a fact that is not there",)},
        {"labels": frozenset({FORGET})},
        {"rejected": (Rejected(9, "no valid signature of brain"),)},
        {"entries": (replace(ENDED.entries[0], text_intact=False), *ENDED.entries[1:])},
    ],
    ids=["gap", "forget", "forged", "edited"],
)
def test_a_log_that_is_not_whole_or_is_to_be_forgotten_never_enters(touched: dict[str, object]) -> None:
    incident = replace(ENDED, **touched)  # type: ignore[arg-type]
    assert not may_enter(incident)
    assert documents(incident) == ()
    assert to_label([replace(incident, labels=incident.labels | {LEARNED})], {"incident-7-1": "x"}) == ((7, False),)


def test_a_strangers_words_do_not_enter_and_do_not_keep_the_rest_out() -> None:
    incident = replace(ENDED, rejected=(Rejected(9, "mallory is not an account of the fleet", harmless=True),))
    assert documents(incident) == documents(ENDED)


def test_secrets_do_not_enter() -> None:
    first = ENDED.entries[0]
    assert isinstance(first.fact, Detected)
    leaky = replace(first, fact=first.fact.model_copy(update={"summary": "token s3cr3t-token, password=hunter22"}))
    found = text(replace(ENDED, entries=(leaky, *ENDED.entries[1:])))
    assert "s3cr3t-token" not in found
    assert "hunter22" not in found


def doc(id: str, text: str = "text") -> Document:
    return Document(id, "doc", id, text, f"{id}@abc", "f" * 40, START)


def test_only_the_difference_is_put_and_dropped() -> None:
    same, changed, new = doc("a#1"), doc("b#1"), doc("c#1")
    held = {"a#1": same.digest, "b#1": "other", "d#1": "gone", "incident-9-1": "gone too"}
    assert plan((same, changed, new), held, files=True) == Plan((changed, new), ("d#1", "incident-9-1"))
    assert plan((same, changed, new), {one.id: one.digest for one in (same, changed, new)}, files=True) == Plan((), ())


def test_files_that_could_not_be_read_are_not_taken_out() -> None:
    held = {"docs/a.md#1": "x", "incident-9-1": "y"}
    assert plan((), held, files=False) == Plan((), ("incident-9-1",))


@pytest.mark.parametrize("id", ["docs/incident-9-1", "incident-9-1#2", "incident-9", "incident-9-1\n"])
def test_a_file_is_no_incident_whatever_its_name(id: str) -> None:
    assert not is_incident(id)


def test_a_closed_incident_is_labelled_when_every_firing_of_it_is_held() -> None:
    log = LogBuilder().do(*HEALED, *HEALED)
    incident = replace(log.incident, closed=True)
    assert to_label([incident], {"incident-7-1": "x"}) == ()
    both = {"incident-7-1": "x", "incident-7-2": "y"}
    assert to_label([incident], both) == ((7, True),)
    assert to_label([replace(incident, labels=frozenset({LEARNED}))], both) == ()
    assert to_label([replace(incident, closed=False)], both) == ()


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("README.md", True), ("docs/runbooks/oom.md", True), ("docs/adr/0001.md", True), ("deploy/stack.yaml", True),
        ("protected_services/quote_service/app.py", True), ("docs/diagram.py", False), ("shared/ports.py", False),
        ("deploy/policy.yaml", False), ("other/README.md", False), ("docs/x.md.orig", False),
        ("protected_services/uv.lock", False), ("protected_services/frontend/logo.svg", False),
        ("docs/secret/plan.md", False), ("docs/runbooks/x+y.md", True),
    ],
)  # fmt: skip
def test_which_files_are_read(path: str, wanted: bool) -> None:
    assert is_wanted(path, ("docs/secret/*",)) is wanted
