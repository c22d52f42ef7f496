"""What `demo` tells people and programs of what its witnesses saw."""

from __future__ import annotations

import json
import os

import pytest

from mission_control.demo.acts import Result
from mission_control.demo.command import Narrator, document, tell
from mission_control.terminal.glance import memory, own_memory
from mission_control.terminal.shapes import STABLE
from tests.shapes import faults

HOSTILE = "fix\x1b]0;owned\x07\x1b[2J\x9b31m\rdone \u202e"


def test_what_a_program_reads_has_its_stable_shape_whether_all_was_seen_or_nothing() -> None:
    seen = Result("oom", "quote-service", 7, 1.5, 2.0, 3.0, 4.0, 5.0, {"quote-service": 1}, 1, 12, 6, ["too late"])
    fleet = {"scout": {"rss": memory(os.getpid()), "own": own_memory(os.getpid())}, "gone": {"rss": None, "own": None}}
    told = json.loads(json.dumps(document([Result("none", "before"), seen], fleet, 61.23)))  # type: ignore[arg-type]
    assert list(faults(told, STABLE["demo"])) == []
    assert told["results"][1]["wrong"] == ["too late"]
    assert told["took_s"] == 61.2


def test_what_the_world_is_called_reaches_the_terminal_without_being_obeyed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    Narrator(0.0)(f"  pull request 7 was merged: {HOSTILE}\na second line")
    tell([Result("none", HOSTILE)], {HOSTILE: {"rss": 1.0, "own": 1.0}}, 5.0, f"no sandbox: [red]{HOSTILE}[/nosuch]")
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "\x9b" not in told
    assert "\r" not in told
    assert "\na second line\n" in told
    assert "[red]" in told, "what looks like markup is shown as it is"
