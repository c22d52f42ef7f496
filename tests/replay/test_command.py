"""`replay` as a person runs it: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mission_control.replay import BadCase
from mission_control.replay.bundle import Bundle, read, write
from mission_control.replay.command import Wish, replay_again
from mission_control.settings import BadSettings, Settings, read_settings
from tests.policy_file import FILE
from tests.replay.world import fleet, given, healed

Printed = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    world = fleet(tmp_path_factory.mktemp("world"))
    healed(world)
    return write(Bundle(given(world, 1), FILE.read_text(), True, "the one in force"))


@pytest.fixture
def case(whole: str, tmp_path: Path) -> Path:
    file = tmp_path / "case.json"
    file.write_text(whole)
    return file


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(state_dir=tmp_path)


def stricter(folder: Path) -> Path:
    file = folder / "stricter.yaml"
    file.write_text(FILE.read_text().replace("actions_per_service: 3", "actions_per_service: 0"))
    return file


def test_a_case_is_decided_again_without_any_world(settings: Settings, case: Path, capsys: Printed) -> None:
    assert replay_again(settings, Wish(case=case)) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("#1: Status: Closed, 7 facts")
    assert said[1] == f"  case: {case}, proved by the public keys that it holds itself"
    assert said[2] == "  policy: the one in force"
    assert [line.split()[:5] for line in said[3:6]] == [
        ["fact", "1", "brain", "the", "same"],
        ["fact", "2", "guardrail", "the", "same"],
        ["fact", "6", "memory", "the", "same"],
    ]
    assert said[-1].startswith("3 decisions: 3 the same, 0 different")


def test_another_policy_shows_what_it_would_have_changed(
    settings: Settings, case: Path, tmp_path: Path, capsys: Printed
) -> None:
    assert replay_again(settings, Wish(case=case, policy=stricter(tmp_path))) == 1
    said = capsys.readouterr().out
    assert "fact 2   guardrail  DIFFERS" in said
    assert "predicates.service-budget.detail: 0 of 3 actions used → 0 of 0 actions used" in said
    assert "3 decisions: 2 the same, 1 different" in said


def test_a_program_reads_the_same_as_json(settings: Settings, case: Path, tmp_path: Path, capsys: Printed) -> None:
    assert replay_again(settings, Wish(case=case, policy=stricter(tmp_path), as_json=True)) == 1
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (told["number"], told["whole"], told["gaps"]) == (1, True, [])
    assert {row["move"]: row["verdict"] for row in told["facts"]} == {
        "detected": "observed",
        "diagnosed": "same",
        "ruled:allow": "differs",
        "began": "observed",
        "applied": "observed",
        "verified:healthy": "observed",
        "learned": "same",
    }
    assert {"field": "ruling", "then": "allow", "now": "veto"} in told["facts"][2]["differs"]


def test_what_differs_by_a_deliberate_change_is_accepted_once_and_expected_from_then_on(
    settings: Settings, case: Path, tmp_path: Path, capsys: Printed
) -> None:
    value = json.loads(case.read_text())
    value["policy"]["text"] = stricter(tmp_path).read_text()
    case.write_text(json.dumps(value))
    assert replay_again(settings, Wish(case=case)) == 1
    assert replay_again(settings, Wish(case=case, renew=True)) == 0
    assert len(read(case.read_text()).expected) == 3
    capsys.readouterr()
    assert replay_again(settings, Wish(case=case)) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("; as accepted")


def test_a_case_can_be_exported_again_as_it_is(settings: Settings, case: Path, tmp_path: Path) -> None:
    assert replay_again(settings, Wish(case=case, export=tmp_path / "copy.json")) == 0
    assert (tmp_path / "copy.json").read_text() == case.read_text()


def test_what_cannot_be_read_or_written_is_one_plain_line(settings: Settings, case: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="--case"):
        replay_again(settings, Wish(case=tmp_path / "nowhere.json"))
    with pytest.raises(BadSettings, match="--policy"):
        replay_again(settings, Wish(case=case, policy=tmp_path))
    (tmp_path / "odd.yaml").write_text("version: 9")
    with pytest.raises(BadSettings, match=r"odd\.yaml: policy: version"):
        replay_again(settings, Wish(case=case, policy=tmp_path / "odd.yaml"))
    with pytest.raises(BadSettings, match="Is a directory"):
        replay_again(settings, Wish(case=case, export=tmp_path))
    case.write_text("{}")
    with pytest.raises(BadCase):
        replay_again(settings, Wish(case=case))


def test_a_hostile_case_reaches_no_terminal(settings: Settings, case: Path, capsys: Printed) -> None:
    value = json.loads(case.read_text())
    value["note"] = "fine\x1b[2J"
    case.write_text(json.dumps(value))
    replay_again(settings, Wish(case=case))
    assert "\x1b" not in capsys.readouterr().out
