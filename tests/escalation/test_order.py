"""Who is asked: in the settings' order, unless a person names somebody."""

from __future__ import annotations

import pytest

from agents.escalation.judge import Seen, judge
from shared.agent import Delegate, Say
from shared.incident.facts import Commanded, Stuck, parse_fact
from shared.incident.status import Status
from shared.testing.log import LogBuilder
from shared.testing.samples import START

ORDER = ("jules", "copilot", "human")


def handed_on(to: str | None) -> LogBuilder:
    """A person says /escalate, and whom to."""
    log = LogBuilder().to(Status.NEEDS_HUMAN)
    fact = log.next("commanded:escalate")
    return log.say(Commanded.model_validate(fact.model_dump() | {"to": to}))


@pytest.mark.parametrize(("to", "asked"), [(None, "jules"), ("copilot", "copilot"), ("human", "human")])
def test_who_is_named_is_asked_first_and_else_the_first_in_the_settings(to: str | None, asked: str) -> None:
    effect = judge(handed_on(to).incident, Seen(None, "none", START, ORDER))
    assert isinstance(effect, Delegate)
    assert effect.backend == asked


def test_what_the_named_one_gives_back_goes_on_in_order() -> None:
    log = handed_on("copilot")
    for move in ("dispatched", "returned"):
        log.say(parse_fact(log.next(move).model_dump(mode="json") | {"backend": "copilot"}))
    effect = judge(log.incident, Seen(None, "none", START, ORDER))
    assert isinstance(effect, Delegate)
    assert effect.backend == "jules"


def test_one_who_is_not_set_up_is_said_so_and_nobody_else_is_asked() -> None:
    effect = judge(handed_on("claude").incident, Seen(None, "none", START, ORDER))
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Stuck)
    assert effect.fact.reason == "claude is not set up here"
    assert "/escalate to one of jules, copilot, human" in effect.fact.todo
