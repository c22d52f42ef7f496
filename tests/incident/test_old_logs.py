"""Logs that were signed before a field came are read as they were written, and mean what they meant."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from shared.incident.codec import compact, decode
from shared.incident.facts import Diagnosed, Escalated, Ruled, Stuck
from shared.incident.replay import replay
from shared.incident.status import Status
from shared.incident.thread import Comment, Thread
from shared.testing.log import LogBuilder, keyring
from shared.testing.samples import FLEET, REPO, START, sample

LOGS: dict[str, list[str]] = json.loads(Path(__file__).with_name("logs_before_replay.json").read_text("utf-8"))
"""As `LogBuilder` wrote them before a ruling held its situation and a diagnosis named its frozen case."""
ENDS = {
    "closed": "Status: Closed",
    "asked": "Status: Needs-Approval",
    "Status: Escalated": "Status: Escalated",
    "Status: Needs-Human": "Status: Needs-Human",
}


@pytest.mark.parametrize("name", LOGS)
def test_a_log_from_before_the_new_fields_is_whole(name: str) -> None:
    body, *others = LOGS[name]
    comments = tuple(
        Comment(100 + n, FLEET, text, at := START + timedelta(seconds=n + 1), at) for n, text in enumerate(others)
    )
    thread = Thread(REPO, 7, "t", FLEET, body, START, START, False, frozenset(), comments, "u")
    incident = replay(thread, keyring())
    assert incident.status.value == ENDS[name]
    assert incident.whole
    assert len(incident.entries) == len(LOGS[name])


def test_a_fact_without_the_new_fields_is_written_as_it_was_before_there_were_any() -> None:
    old = {decode(body).fact.kind: body for log in LOGS.values() for body in log}
    assert {"ruled", "diagnosed", "escalated", "stuck"} <= set(old)
    for body in old.values():
        fact = decode(body).fact
        match fact:
            case Ruled():
                assert (fact.situation, "situation" in body) == (None, False)
            case Diagnosed() | Escalated() | Stuck():
                assert (fact.frozen, '"frozen"' in body) == (None, False)


def test_what_was_ruled_on_is_written_whole_or_not_at_all() -> None:
    ruled = sample("ruled:allow")
    assert isinstance(ruled, Ruled)
    assert ruled.situation is not None
    assert decode(LogBuilder().to(Status.DIAGNOSED).text(ruled)).fact == ruled
    short = compact(ruled)
    assert isinstance(short, Ruled)
    assert short.situation is None
