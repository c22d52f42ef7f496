"""What `watch` shows, from logs alone: how far an incident is, what is new, and what a terminal must not obey."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console, RenderableType

from mission_control.terminal.follow import Board
from mission_control.terminal.incidents import IncidentRow, rows_of
from mission_control.terminal.printable import printable, shortened
from mission_control.terminal.screen import all_screen, one_screen, stage_line
from mission_control.terminal.tape import Tape
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.testing.log import LogBuilder
from shared.testing.samples import START, sample

NOW = START + timedelta(minutes=5)
ESCAPE = "\x1b]0;owned\x07\x1b[2J"


def marks(incident: Incident) -> str:
    return stage_line(incident, wide=False).plain


def drawn(what: RenderableType, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None, legacy_windows=False).print(what)
    return out.getvalue().splitlines()


def row(number: int, **more: object) -> IncidentRow:
    (made,) = rows_of(
        [
            {
                "number": number,
                "title": "policy-service: killed",
                "state": "open",
                "labels": [{"name": "incident"}, {"name": "Status: Needs-Approval"}, {"name": "severity:major"}],
                "created_at": START.isoformat(),
                "html_url": "http://127.0.0.1/1",
                **more,
            }
        ]
    )
    return made


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (Status.DETECTED, "●◐○○○○"),
        (Status.DIAGNOSED, "●●◐○○○"),
        (Status.NEEDS_APPROVAL, "●●?○○○"),
        (Status.APPROVED, "●●●◐○○"),
        (Status.VERIFYING, "●●●●◐○"),
    ],
)
def test_the_lane_says_how_far_an_incident_is(status: Status, shown: str) -> None:
    assert marks(LogBuilder().to(status).incident) == shown


def test_an_incident_that_an_action_ended_has_come_all_the_way() -> None:
    log = LogBuilder().to(Status.VERIFYING).to(Status.FIXED)
    assert marks(log.incident) == "●●●●●◐"
    assert marks(log.to(Status.CLOSED).incident) == "●●●●●●"


def test_what_was_never_done_is_skipped_and_not_shown_as_done() -> None:
    log = LogBuilder().to(Status.DETECTED).do("verified:recovered")
    assert marks(log.incident) == "●–––●◐"


def test_where_the_fleet_cannot_go_on_the_stage_that_failed_is_said() -> None:
    assert marks(LogBuilder().to(Status.DIAGNOSED).do("ruled:veto").incident) == "●●×○○○"


def test_a_new_diagnosis_makes_what_came_of_the_one_before_it_past() -> None:
    log = LogBuilder().to(Status.VERIFYING).do("verified:unhealthy").to(Status.DIAGNOSED)
    assert marks(log.incident) == "●●◐○○○"


def test_the_tape_says_each_fact_once_and_a_closing_once() -> None:
    log = LogBuilder().to(Status.APPROVED)
    tape = Tape()
    first = [event.event for event in tape.of(Board(logs=((7, log.incident),)))]
    assert first == ["fact"] * len(log.incident.entries)
    assert list(tape.of(Board(logs=((7, log.incident),)))) == []
    log.do("began")
    (new,) = tape.of(Board(logs=((7, log.incident),)))
    assert new.entry is not None
    assert new.entry.fact.kind == "began"
    assert [event.event for event in tape.of(Board())] == ["closed"]
    assert list(tape.of(Board())) == []


def test_trouble_is_said_when_it_comes_and_when_it_goes() -> None:
    tape = Tape()
    said = [event.event for trouble in (None, "gone", "gone", None, None) for event in tape.about(trouble)]
    assert said == ["trouble", "well"]


def test_a_line_of_json_is_one_document_with_the_fact_as_the_world_wrote_it() -> None:
    (event,) = Tape().of(Board(logs=((7, LogBuilder().to(Status.DETECTED).incident),)))
    document = json.loads(event.json_line())
    assert "\n" not in event.json_line()
    assert (document["event"], document["number"], document["fact"]["kind"]) == ("fact", 7, "detected")


@pytest.mark.parametrize("width", [80, 120])
def test_a_screen_fits_its_terminal_and_obeys_nothing_of_the_world(width: int) -> None:
    fact = sample("detected").model_copy(update={"summary": f"[red]{ESCAPE}killed[/red] by 恐怖 " + "x" * 150})
    log = LogBuilder().say(fact).to(Status.VERIFYING).to(Status.CLOSED)
    one = drawn(one_screen(log.incident, NOW, "", 24), width)
    held = replace(row(7), title=f"{ESCAPE}[bold]title", held=True)
    every = drawn(all_screen(Board((held,), ((7, log.incident),)), NOW, f"{ESCAPE}gone", 24), width)
    for lines in (one, every):
        assert not any("\x1b" in line or "\x07" in line for line in lines)
        assert all(len(line) <= width for line in lines)
    assert len(one) <= 24
    assert any("[red]" in line for line in one), "markup of the world is text"
    assert any("??0;owned" in line or "?]0;owned" in line for line in every)


def test_a_screen_with_more_facts_than_room_says_how_many_it_leaves_out() -> None:
    lines = drawn(one_screen(LogBuilder().to(Status.CLOSED).incident, NOW, "", 14), 80)
    assert any("earlier facts: explain" in line for line in lines)
    assert len(lines) <= 14


def test_an_incident_that_waits_is_counted_on_the_screen_of_all() -> None:
    log = LogBuilder().to(Status.NEEDS_APPROVAL)
    lines = drawn(all_screen(Board((row(7),), ((7, log.incident),)), NOW, "", 24), 100)
    assert lines[0].startswith("1 open, 1 waits for a person")


def test_rows_know_service_severity_and_who_waits_and_leave_pull_requests_out() -> None:
    labels = [{"name": name} for name in ("incident", "service:quote-service", "sre:hold", "Status: Needs-Approval")]
    one = row(3, labels=labels)
    assert (one.service, one.severity, one.held, one.waits) == ("quote-service", None, True, True)
    assert not row(3, labels=labels, state="closed", closed_at=NOW.isoformat()).waits
    assert rows_of([{"number": 4, "pull_request": {}}]) == ()


def test_text_from_the_world_is_printable_in_one_line_and_cut_visibly() -> None:
    assert printable("a\nb\x1b[2J\u202ec") == "a?b?[2J?c"
    assert shortened("abcdef", 4) == "abc…"
    assert shortened("abcd", 4) == "abcd"
