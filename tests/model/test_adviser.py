"""The adviser as Brain has it: answers within the time, one call for one question, and silence after failures."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from agents.brain.advice import unsound
from mission_control.fleet.adviser import adviser, child_command
from mission_control.settings import REPOSITORY_ROOT, read_settings
from shared.adapters.model.breaker import AFTER
from shared.adapters.model.process import ModelProcess
from shared.adapters.model.wire import Endpoint as ModelEndpoint
from shared.ports import Adviser, Pending, Question, Reply
from shared.runtime.clock import SystemClock
from tests.brain.answers import answer
from tests.model.endpoint import Answer, Endpoint, error, running, says

KEY = "sk-canary-of-the-endpoint-0123456789"


def question(key: str = "q1", number: int = 7) -> Question:
    return Question(key, f"o/r#{number}", number, "S", f"D {key}", {"type": "object"})


class Desk:
    """An adviser, and when it says that something came of a question."""

    def __init__(self, adviser: Adviser, replies: queue.SimpleQueue[int]) -> None:
        self.adviser = adviser
        self._replies = replies

    def put(self, asked: Question) -> Reply:
        """Ask, and wait for what comes of it."""
        self.adviser.ask(asked)
        assert self._replies.get(timeout=20.0) == asked.number
        reply = self.adviser.reply(asked.key)
        assert isinstance(reply, Reply)
        return reply


Open = Callable[..., Desk]


class Lasting(ModelProcess):
    """A child that outlives the adviser which asks it: loading the SDK takes most of a second."""

    def stop(self) -> None:
        """Not yet."""

    def end(self) -> None:
        super().stop()


def opener(stack: ExitStack, endpoint: Endpoint, state: Path, process: ModelProcess | None) -> Open:
    def make(**changes: Any) -> Desk:
        given = {
            "model": "some-model",
            "model_url": endpoint.url,
            "model_key": SecretStr(KEY),
            "state_dir": state,
            "model_timeout": timedelta(seconds=10),
        }
        settings = read_settings(**given | changes)
        replies: queue.SimpleQueue[int] = queue.SimpleQueue()
        made = adviser(settings, SystemClock(), stack, unsound, replies.put, process)
        assert made is not None
        return Desk(made, replies)

    return make


@pytest.fixture
def own_desk(endpoint: Endpoint, tmp_path: Path) -> Iterator[Open]:
    """Advisers with a child of their own, as the settings want it."""
    with ExitStack() as stack:
        yield opener(stack, endpoint, tmp_path, None)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Endpoint, ModelProcess]]:
    """One endpoint and one child for the tests in which neither is late or dies."""
    with running() as made:
        asked = ModelEndpoint(base_url=made.url, api_key=SecretStr(KEY), model="some-model")
        process = Lasting(child_command(tmp_path_factory.mktemp("model")), asked)
        process.start()  # here: it ends with the thread that started it, and an adviser's thread is soon over
        yield made, process
        process.end()


@pytest.fixture
def calm(lasting: tuple[Endpoint, ModelProcess]) -> Endpoint:
    """The endpoint that lasts, with nothing seen and nothing to say."""
    made, _ = lasting
    made.seen.clear()
    made.script = lambda _: says({})
    return made


@pytest.fixture
def desk(calm: Endpoint, lasting: tuple[Endpoint, ModelProcess], tmp_path: Path) -> Iterator[Open]:
    """Advisers with books and a breaker of their own, which ask the child that lasts."""
    with ExitStack() as stack:
        yield opener(stack, calm, tmp_path, lasting[1])


def test_an_answer_comes_back_with_what_it_took_and_the_same_question_costs_once(
    endpoint: Endpoint, own_desk: Open
) -> None:
    endpoint.script = lambda _: says(answer())
    made = own_desk()
    first = made.put(question())
    made.adviser.ask(question())
    assert made.adviser.reply("q1") == first
    assert len(endpoint.seen) == 1
    assert (first.text, first.why, first.model) == (answer(), "", "some-model")
    assert (first.prompt_tokens, first.completion_tokens, first.cost) == (900, 120, None)
    assert first.seconds > 0


def test_the_cost_is_that_of_the_users_prices_and_unknown_where_the_server_does_not_count(
    calm: Endpoint, desk: Open
) -> None:
    made = desk(model_price_prompt=2.0, model_price_completion=8.0)
    calm.script = lambda _: says(answer())
    assert made.put(question("q1")).cost == pytest.approx((900 * 2 + 120 * 8) / 1e6)
    calm.script = lambda _: says(answer(), usage={})
    reply = made.put(question("q2"))
    assert (reply.text, reply.cost, reply.prompt_tokens) == (answer(), None, None)


def test_silence_ends_within_the_time_and_until_then_the_reply_is_pending(endpoint: Endpoint, own_desk: Open) -> None:
    endpoint.script = lambda _: Answer(b"", hold=True)
    made = own_desk(model_timeout=timedelta(seconds=3))
    began = time.monotonic()
    made.adviser.ask(question())
    pending = made.adviser.reply("q1")
    assert isinstance(pending, Pending)
    assert 0 < pending.left_s <= 3.0
    reply = made.put(question())
    assert (reply.text, reply.why) == (None, "the model did not answer in time")
    assert time.monotonic() - began < 6.0


def test_many_incidents_at_once_all_hear_within_the_time(endpoint: Endpoint, own_desk: Open) -> None:
    endpoint.script = lambda _: Answer(b"", hold=True)
    made = own_desk(model_timeout=timedelta(seconds=3))
    for n in range(1, 11):
        made.adviser.ask(question(f"q{n}", n))
    deadline = time.monotonic() + 5.0
    while any(isinstance(made.adviser.reply(f"q{n}"), Pending) for n in range(1, 11)):
        assert time.monotonic() < deadline
    replies = [made.adviser.reply(f"q{n}") for n in range(1, 11)]
    assert all(isinstance(reply, Reply) and reply.text is None for reply in replies)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (says("Restart everything!"), "the model gave an answer of another form: no JSON object"),
        (says(answer(action="restart")), "the model gave an answer of another form: JSON of another form"),
        (says(None, refusal="no"), "the model refused to answer"),
        (says(None, tool_calls=[{"id": "1"}]), "the model asked for tools, and has none"),
        (says("x" * 1_000_000), "the model answered at too great length"),
        (Answer(b"\xff\xfe"), "the model did not answer in JSON"),
        (error(500, f"key {KEY}"), "the model answered with status 500"),
        (error(429, f"key {KEY}"), "the model answered with status 429"),
    ],
)
def test_a_bad_answer_is_a_reason_in_our_own_words(calm: Endpoint, desk: Open, bad: Answer, why: str) -> None:
    calm.script = lambda _: bad
    with structlog.testing.capture_logs() as logs:
        reply = desk().put(question())
    assert (reply.text, reply.why) == (None, why)
    assert [entry["why"] for entry in logs if entry["event"] == "no advice"] == [why]
    assert KEY not in json.dumps(logs)


def test_after_failures_in_a_row_the_endpoint_is_left_alone(calm: Endpoint, desk: Open) -> None:
    calm.script = lambda _: error(500)
    made = desk()
    for n in range(AFTER):
        made.put(question(f"q{n}", n + 1))
    calm.script = lambda _: says(answer())
    reply = made.put(question("q9", 9))
    assert reply.text is None
    assert reply.why.startswith("the model is left alone for ")
    assert reply.why.endswith(" s: it answered with status 500")
    assert len(calm.seen) == AFTER


def test_a_refused_key_is_not_tried_again_soon(calm: Endpoint, desk: Open) -> None:
    calm.script = lambda _: error(401, f"Incorrect API key provided: {KEY}")
    made = desk()
    assert made.put(question("q1")).why == "the model answered with status 401"
    assert "left alone" in made.put(question("q2")).why
    assert len(calm.seen) == 1


def test_a_spent_budget_sends_nothing_also_after_a_restart(calm: Endpoint, desk: Open) -> None:
    calm.script = lambda _: says(answer())
    desk(model_calls_per_incident=1).put(question("q1"))
    again = desk(model_calls_per_incident=1)
    assert again.put(question("q2")).why == "the budget of this incident is spent: 1 calls"
    assert again.put(question("q3", 8)).text == answer()
    assert len(calm.seen) == 2


def test_a_loop_of_ever_new_questions_about_one_incident_is_stopped(calm: Endpoint, desk: Open) -> None:
    calm.script = lambda _: says(answer())
    made = desk(model_calls_per_incident=1000)
    whys = [made.put(question(f"q{n}")).why for n in range(5)]
    assert whys[:3] == ["", "", ""]
    assert all(why.startswith("a loop") for why in whys[3:])
    assert len(calm.seen) == 3


def test_what_was_asked_is_on_the_wire_and_what_was_not_is_not(calm: Endpoint, desk: Open) -> None:
    calm.script = lambda _: says(answer())
    desk().put(question())
    (seen,) = calm.seen
    assert seen.body["messages"][1]["content"] == "D q1"
    assert "tools" not in seen.body


def test_without_a_model_nothing_is_started_loaded_or_asked(tmp_path: Path) -> None:
    with ExitStack() as stack:
        none = adviser(read_settings(state_dir=tmp_path, model=None), SystemClock(), stack, unsound, lambda _: None)
    assert none is None
    assert not list(tmp_path.iterdir())


def test_the_parent_never_loads_the_sdk() -> None:
    code = (
        "import sys, mission_control.fleet.wiring, mission_control.fleet.adviser, agents.brain.look; "
        "import shared.adapters.model.adviser; "
        "sys.exit(any(m in sys.modules for m in ('openai', 'httpx2')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY_ROOT, timeout=60, check=False)
    assert done.returncode == 0
