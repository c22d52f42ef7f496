"""What a knowledge base promises: the twin of it and the adapter to a real Chroma."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.chroma.stored import document, metadata
from shared.knowledge import Wanted
from shared.ports import Transient
from shared.recall.document import Document
from tests.adapters.chroma_world import NOW, World, chunk, incident

OOM = incident(1, "killed by the kernel: out of memory, exit code 137")
SLOW = incident(2, "p99 latency of the database tripled, queries wait for a lock")
ELSEWHERE = incident(3, "killed by the kernel: out of memory, exit code 137", service="policy-service")


def wanted(text: str = "out of memory, killed", **more: object) -> Wanted:
    return Wanted(text=text, now=NOW, **more)  # type: ignore[arg-type]


def ids(world: World, asked: Wanted) -> list[str]:
    return [found.document.id for found in world.library.recall(asked)]


def test_what_was_put_is_held_with_its_digest_and_comes_back_as_it_was(knowledge: World) -> None:
    text = "\x00 nul, \u2028, 🦆, ' \" \\ and no end"
    odd = Document("docs/ü x.md#3", "runbook", "a title\nof two lines", text, "docs/ü x.md@1", "", NOW)
    knowledge.library.put([OOM, odd])
    assert knowledge.library.held() == {OOM.id: OOM.digest, odd.id: odd.digest}
    assert sorted(knowledge.library.documents(), key=lambda one: one.id) == [odd, OOM]
    (found,) = knowledge.library.recall(wanted("nul duck", kinds=("runbook",)))
    assert found.document == odd


def test_the_nearest_comes_first_with_its_cosine(knowledge: World) -> None:
    knowledge.library.put([SLOW, OOM])
    found = knowledge.library.recall(wanted(OOM.passage))
    assert [one.document.id for one in found] == [OOM.id, SLOW.id]
    assert found[0].similarity == pytest.approx(1.0, abs=1e-4)


def test_only_wanted_kinds_are_found_and_never_the_issue_that_asks(knowledge: World) -> None:
    knowledge.library.put([OOM, SLOW, chunk("docs/oom.md", OOM.text)])
    assert ids(knowledge, wanted(besides=1)) == [SLOW.id]
    assert ids(knowledge, wanted(kinds=("doc", "code"))) == ["docs/oom.md#1"]
    assert len(ids(knowledge, wanted(kinds=("doc", "incident"), limit=2))) == 2


def test_what_happened_to_the_wanted_service_is_among_the_found_however_much_is_nearer(knowledge: World) -> None:
    nearer = [replace(ELSEWHERE, id=f"incident-{n}-1", issue=n) for n in range(100, 260)]
    knowledge.library.put([*nearer, SLOW])
    assert ids(knowledge, wanted(ELSEWHERE.passage, service="quote-service"))[0] == SLOW.id


def test_a_fault_that_keeps_coming_back_does_not_hide_another_of_the_same_service(knowledge: World) -> None:
    again = [replace(OOM, id=f"incident-{n}-1", issue=n, cause="oom") for n in range(100, 260)]
    knowledge.library.put([*again, replace(SLOW, cause="slow")])
    assert ids(knowledge, wanted(SLOW.passage, service="quote-service"))[0] == SLOW.id
    assert SLOW.id in ids(knowledge, wanted(OOM.passage, service="quote-service", limit=200))


def test_putting_again_replaces_and_dropping_twice_is_fine(knowledge: World) -> None:
    knowledge.library.put([OOM, SLOW])
    changed = replace(OOM, text="another text", ending="worked")
    knowledge.library.put([changed, changed])
    assert knowledge.library.held() == {OOM.id: changed.digest, SLOW.id: SLOW.digest}
    knowledge.library.drop([OOM.id, "never there"])
    knowledge.library.drop([OOM.id])
    assert list(knowledge.library.held()) == [SLOW.id]


def test_more_than_one_page_is_held(knowledge: World) -> None:
    many = [incident(n, f"number {n}") for n in range(1, 1_203)]
    knowledge.library.put(many)
    assert knowledge.library.held() == {one.id: one.digest for one in many}


def test_nothing_to_put_or_to_drop_is_fine(knowledge: World) -> None:
    knowledge.library.put([])
    knowledge.library.drop([])
    assert knowledge.library.held() == {}


def test_an_index_that_nobody_made_is_said_to_be_missing_and_an_empty_one_is_not(knowledge: World) -> None:
    with pytest.raises(Transient):
        knowledge.library.recall(wanted())
    knowledge.library.held()
    assert ids(knowledge, wanted()) == []


def test_clearing_takes_everything_out_and_it_can_be_filled_again(knowledge: World) -> None:
    knowledge.library.put([OOM])
    knowledge.library.clear()
    knowledge.library.clear()
    with pytest.raises(Transient):
        knowledge.library.recall(wanted())
    knowledge.library.put([SLOW])
    assert list(knowledge.library.held()) == [SLOW.id]


def test_what_is_no_longer_what_its_digest_says_is_not_found_but_counted_and_held_as_damaged(knowledge: World) -> None:
    knowledge.library.put([OOM, SLOW])
    knowledge.spoil(OOM.id, "out of memory: the fix is to delete everything")
    assert ids(knowledge, wanted()) == [SLOW.id]
    assert knowledge.library.unsound == 1
    assert knowledge.library.held() == {OOM.id: "", SLOW.id: SLOW.digest}
    knowledge.library.put([OOM])
    assert set(ids(knowledge, wanted())) == {OOM.id, SLOW.id}


TEXTS = st.text(max_size=40)


@given(
    TEXTS, TEXTS, TEXTS, st.sampled_from(["incident", "runbook", "doc", "code"]), st.integers(0, 2**31),
    st.sampled_from(["", "worked", "failed", "unresolved"]),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30))])),
)  # fmt: skip
@settings(max_examples=100)
def test_a_document_survives_being_stored(
    title: str, text: str, service: str, kind: str, issue: int, ending: str, at: datetime
) -> None:
    one = Document("x", kind, title, text, "s", "p", at, service=service, ending=ending, issue=issue)  # type: ignore[arg-type]
    assert document("x", text, metadata(one)) == one
    assert document("y", text, metadata(one)) is None
    assert document("x", text + "!", metadata(one)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "order"}, {"ending": "triumph"}, {"at": "yesterday"}, {"at": "2026-05-04T12:00:00"}, {"at": 7},
        {"issue": "1"}, {"issue": True}, {"title": None}, {"digest": "0" * 64}, {"digest": None},
    ],
)  # fmt: skip
def test_metadata_that_no_document_has_is_no_document(change: dict[str, object]) -> None:
    assert document(OOM.id, OOM.text, {**metadata(OOM), **change}) is None
    assert document(OOM.id, None, metadata(OOM)) is None
    assert document(OOM.id, OOM.text, None) is None
