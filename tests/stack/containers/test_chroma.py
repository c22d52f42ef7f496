"""Chroma in the running stack: what was healed is found there, and the stack heals the same without it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.chroma import ChromaLibrary
from shared.incident.facts import Applied, Diagnosed, Verified
from shared.incident.replay import Incident
from shared.knowledge import Wanted
from shared.recall.document import Document
from shared.recall.hashing import Hashed
from tests.stack.containers.stack import RealStack
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(900)
INDEXED_WITHIN = 60.0
WINDOW = timedelta(seconds=20)
"""SRE_RECURRENCE_WINDOW (tests/stack/containers/stack.py)."""


@pytest.fixture
def library(stack: RealStack) -> Iterator[ChromaLibrary]:
    """The fleet's index, as anybody with its address reads it."""
    run = stack.run
    with closing(ChromaLibrary(run.knowledge or "", run.github["repo"], Hashed(), 10.0)) as found:
        yield found


def healed(stack: RealStack, service: str) -> tuple[int, Incident]:
    """A crash of `service` and what became of it: one restart, healthy again, closed."""
    known, since = stack.numbers(), time.time()
    stack.inject("crash", service)
    number = stack.opened_for(service, known, 60)
    incident = stack.closed(number, 120)
    assert [v.outcome for v in incident.all(Verified)] == ["healthy"]
    assert len(incident.all(Applied)) == 1
    assert stack.restarts(since)[service] == 1
    return number, incident


def indexed(stack: RealStack, library: ChromaLibrary, number: int) -> Document:
    """The document of an incident, once its issue says that it is there."""
    stack.indexed(number, INDEXED_WITHIN)
    return next(one for one in library.documents() if one.issue == number)


def test_an_episode_is_found_where_it_was_healed_without_chroma_the_next_is_healed_too_and_indexed_afterwards(
    calm: RealStack, library: ChromaLibrary
) -> None:
    stack = calm
    number, incident = healed(stack, "policy-service")
    document = indexed(stack, library, number)
    assert (document.service, document.ending, document.proof) == ("policy-service", "worked", incident.head)
    kinds = {one.kind for one in library.documents()}
    assert kinds >= {"incident", "code"}, "the repository's files are there too"

    with stack.without("chroma"):
        second, blind = healed(stack, "quote-service")
        assert [what for d in blind.all(Diagnosed) for what in d.missing if what.startswith("knowledge:")]
        assert "Learning: Indexed" not in stack.labels(second)
    assert indexed(stack, library, second).service == "quote-service"

    found = library.recall(Wanted(document.passage, document.at, service="policy-service"))
    assert found[0].document == document
    container = stack.container("chroma")
    assert container.attrs["HostConfig"]["ReadonlyRootfs"]
    assert container.attrs["Config"]["User"] == "10001:10001"
    container.kill()
    container.start()
    wait_for(lambda: not stack.ailing(), 90, "Chroma is healthy again", 0.5)
    assert document in list(library.documents()), "it keeps what it is given"


def test_brain_says_what_it_was_reminded_of_when_a_fault_returns(calm: RealStack, library: ChromaLibrary) -> None:
    stack = calm
    first, _ = healed(stack, "user-service")
    ended = indexed(stack, library, first).at
    past = ended + WINDOW + timedelta(seconds=5)
    wait_for(lambda: datetime.now(UTC) > past, 60, "only the index knows of it any more", 0.5)
    stack.inject("crash", "user-service")
    again = stack.closed(stack.open_for("user-service", 60), 120)
    last = again.all(Diagnosed)[-1]
    assert not [what for what in last.missing if what.startswith("knowledge")], last.missing
    assert [line for line in last.remembered if f"#{first}" in line], last
