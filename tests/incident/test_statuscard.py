"""The card says what the facts say, links it, and holds nothing of the world that could be markup."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.incident.facts import KINDS, Commanded, Detected, Diagnosed
from shared.incident.outlook import NEXT, outlook
from shared.incident.replay import Incident
from shared.incident.status import TRANSITIONS, Status
from shared.incident.statuscard import card
from shared.incident.timeline import timeline
from shared.testing.log import LogBuilder
from shared.testing.samples import sample

LINE = re.compile(r" {4}(0 s|\+\d{1,6} (s|min|h|d))( : [a-z][a-z -]{1,60})+")
"""What a line of ours may be. All of it is within the lexer's `period` and `event` tokens of timeline.jison."""
HOSTILE = "x</details> ``` | y | <script>alert(1)</script> <!-- sre-space:card --> @octocat [z](javascript:1) %%{i}%%"


def standing(status: Status) -> Incident:
    return LogBuilder().to(status).incident


def drawn(text: str) -> str:
    """The diagram in a card."""
    found = re.search(r"```mermaid\n(.*?)\n```", text, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.NEW])
def test_a_card_of_every_status_says_what_comes_next_and_what_a_person_can_do(status: Status) -> None:
    incident = standing(status) if status is not Status.UNDOING else LogBuilder().ready(status, "stuck").incident
    text = card(incident)
    assert text.startswith(f"**{status.value.removeprefix('Status: ')}** · `{incident.detected.service}`")
    assert incident.url in text
    assert (NEXT[status] or "nothing: it is closed").partition(":")[0] in text
    assert ("/silence" in text) is (status is not Status.CLOSED)


def test_the_same_log_gives_the_same_card() -> None:
    assert card(standing(Status.FIXED)) == card(standing(Status.FIXED))


def test_hypotheses_are_ranked_with_their_evidence_linked() -> None:
    incident = standing(Status.DIAGNOSED)
    diagnosed = incident.last(Diagnosed)
    assert diagnosed is not None
    text = card(incident)
    places = [text.index(f"`{h.id}`") for h in diagnosed.hypotheses[:3]]
    assert places == sorted(places)
    entry = incident.last_entry(Diagnosed)
    assert entry is not None
    assert f"{incident.url}#issuecomment-{entry.comment_id}" in text


@pytest.mark.parametrize("move", sorted({m for kind in KINDS for m in kind.MOVES} - {"detected"}))
def test_the_timeline_of_every_move_keeps_to_the_grammar(move: str) -> None:
    status = next(s for s, row in TRANSITIONS.items() if move in row and s is not Status.NEW)
    log = LogBuilder().ready(status, move).do(move)
    first, *lines = timeline(log.incident.firing).split("\n")
    assert first == "timeline"
    assert lines
    assert all(LINE.fullmatch(line) for line in lines), lines


def test_the_timeline_of_a_long_story_is_short_and_counts_in_the_unit_that_fits() -> None:
    incident = standing(Status.CLOSED)
    last = incident.entries[-1]
    late = replace(last, posted_at=last.posted_at + timedelta(days=3))
    lines = timeline((*incident.entries, *([late] * 20))).split("\n")
    assert len(lines) <= 14
    assert lines[-1].startswith("    +3 d : ")


def test_words_of_the_world_stay_words() -> None:
    log = LogBuilder()
    detected = sample("detected", None, log.now)
    assert isinstance(detected, Detected)
    log.say(detected.model_copy(update={"summary": HOSTILE}))
    text = card(log.incident)
    assert "<script>" not in text
    assert "<!--" not in text.replace("\\<", "")
    assert text.count("</details>") == text.count("<details>"), "what it says ends nothing"
    assert "javascript:1)" not in text.replace("\\", "\0")
    assert all(LINE.fullmatch(line) for line in drawn(text).split("\n")[1:])


def test_a_silence_is_told_with_its_end_and_gone_when_it_is_off() -> None:
    log = LogBuilder().to(Status.DIAGNOSED).do("commanded:silence")
    said = log.incident.last(Commanded)
    assert said is not None
    assert said.expires_at is not None
    assert f"until {said.expires_at:%Y-%m-%d %H:%M:%S} UTC" in outlook(log.incident)
    off = said.model_copy(update={"expires_at": None, "comment_id": said.comment_id + 1})
    assert "ilenced" not in outlook(log.say(off).incident)


def test_a_hold_is_told_where_the_fleet_would_act() -> None:
    assert "/unhold" in outlook(replace(standing(Status.APPROVED), labels=frozenset({"sre:hold"})))
