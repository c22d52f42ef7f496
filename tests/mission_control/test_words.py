"""The words of people as commands: which there are, and how an answer is told from silence."""

from __future__ import annotations

import pytest

from mission_control.exits import MEANING, Exit
from mission_control.running import NoOperator, Target, as_operator
from mission_control.settings import BadSettings, read_settings
from mission_control.terminal.follow import keyring_of
from mission_control.terminal.pens import ELSEWHERE, words
from mission_control.terminal.say import Heard, answer_to
from shared.incident.commands import COMMANDS
from shared.incident.facts import Commanded
from shared.incident.status import Status
from shared.incident.thread import Comment
from shared.testing.log import LogBuilder
from shared.testing.samples import FLEET
from tests.mission_control.conftest import RunCommand


def test_every_word_of_people_is_a_command(command: RunCommand) -> None:
    told = command("--help").stdout
    assert {*words(), *ELSEWHERE} >= set(COMMANDS)
    assert all(f"\n  {name} " in told for name in words())


def test_a_fact_that_counts_the_comment_is_the_answer() -> None:
    log = LogBuilder().to(Status.NEEDS_APPROVAL).do("commanded:approve")
    fact = log.incident.last(Commanded)
    assert fact is not None
    heard = answer_to(log.incident, (), fact.comment_id)
    assert heard is not None
    assert (heard.how, heard.refused) == ("fact", False)
    assert heard.text.endswith("now Approved")
    assert answer_to(log.incident, (), fact.comment_id + 1) is None


@pytest.mark.parametrize(("said", "refused"), [("Refused: `/approve`: no.", True), ("Held: nothing is done.", False)])
def test_words_that_name_the_comment_are_the_answer(said: str, refused: bool) -> None:
    log = LogBuilder().to(Status.DETECTED)
    other = log.post("<!-- sre-space:answer 8 -->\nto somebody else")
    mine = log.post(f"<!-- sre-space:answer 9 -->\n{said}")
    assert answer_to(log.incident, (other, mine), 9) == Heard("words", said, refused)


def test_a_comment_of_the_fleet_that_answers_nobody_is_no_answer() -> None:
    log = LogBuilder().to(Status.DETECTED)
    assert answer_to(log.incident, (Comment(3, FLEET, "9", log.now, log.now),), 9) is None


def test_with_a_real_github_the_fleets_token_never_speaks_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SRE_OPERATOR_TOKEN", raising=False)
    fleet = {"github_token": "of-the-fleet", "github_repository": "o/r"}
    with pytest.raises(NoOperator, match="SRE_OPERATOR_TOKEN"):
        as_operator(read_settings(**fleet))
    assert as_operator(read_settings(**fleet, operator_token="mine")).repository.token == "mine"


def test_a_keyring_that_cannot_be_read_is_a_matter_of_settings() -> None:
    at = as_operator(read_settings(github_token="t", github_repository="o/r", operator_token="mine"))
    with pytest.raises(BadSettings):
        keyring_of(Target(at.repository, at.keyring_file.with_name("nowhere.toml")))


def test_every_exit_code_is_told() -> None:
    assert set(MEANING) == set(Exit)
    assert [code.value for code in Exit] == list(range(7))
