"""A fleet with a model, as a person starts it: its words stand on the issue, and nothing else is different.

The embedded world; here because a baseline must be learned first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from shared.incident.facts import Advised, Applied, Diagnosed, Escalated
from tests.brain.answers import obey
from tests.machine import ROOT
from tests.model.endpoint import Answer, Endpoint, Seen, running, says
from tests.scenario import stack as scenario
from tests.scenario.stack import Stack
from tests.waiting import wait_for

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(150)]

KEY = "sk-canary-of-the-endpoint-0123456789"
SALES = 80
"""More than Scout must have seen before it says what is usual (WARM_UP in its conversion detector)."""


@pytest.fixture(scope="module")
def model() -> Iterator[Endpoint]:
    with running() as endpoint:
        endpoint.script = lambda seen: says(obey(seen.body["messages"][1]["content"]))
        yield endpoint


def restarts_only(file: Path) -> str:
    """A policy under which a bad commit is handed on and not reverted."""
    policy = yaml.safe_load((ROOT / "deploy" / "policy.yaml").read_text(encoding="utf-8"))
    for service in policy["services"].values():
        service["verbs"] = ["restart"]
    file.write_text(yaml.safe_dump(policy), encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
def stack(model: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    given = {"SRE_MODEL": "some-model", "OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": KEY, "SRE_TIER3": "human"}
    given["SRE_POLICY"] = restarts_only(tmp_path_factory.mktemp("policy") / "policy.yaml")
    with scenario.running(**given, SRE_MODEL_PRICE_PROMPT="2", SRE_MODEL_PRICE_COMPLETION="8") as one:
        yield one


def child(stack: Stack) -> psutil.Process:
    """The model's process."""
    (found,) = [
        p for p in psutil.Process(stack.pid("brain")).children() if any("model.child" in a for a in p.cmdline())
    ]
    return found


def test_the_models_process_holds_no_token_no_engine_and_no_key(stack: Stack) -> None:
    found = child(stack).environ()
    secrets = [token for token in stack.run.github["tokens"].values() if token] + [KEY]
    assert not [s for s in secrets if s in str(found)]
    names = ("GITHUB", "DOCKER", "KAFKA", "JAEGER", "OPENAI", "SRE_KEY", "SRE_DOCKER", "SRE_WEBHOOK", "SRE_MODEL")
    assert not [name for name in found if name.startswith(names)]


def test_who_acts_knows_of_no_model(stack: Stack) -> None:
    told = psutil.Process(stack.pid("fixer")).environ()
    assert not [name for name in told if name.startswith(("OPENAI", "SRE_MODEL"))]
    assert KEY not in str(told)


def test_what_is_clear_is_healed_without_a_question(stack: Stack, model: Endpoint) -> None:
    known, asked = stack.numbers(), len(model.seen)
    stack.inject("oom", "user-service")
    incident = stack.closed(stack.opened(known))
    assert len(incident.all(Applied)) == len(incident.all(Diagnosed)) == 1
    assert incident.all(Advised) == ()
    assert len(model.seen) == asked


def test_what_is_handed_on_is_commented_by_the_model_and_stays_handed_on(stack: Stack, model: Endpoint) -> None:
    wait_for(lambda: stack.sold() >= SALES, 60.0, f"{SALES} sales")
    known, since = stack.numbers(), time.time()
    stack.inject("conversion", "policy-service")
    number = stack.opened(known, 60.0)
    wait_for(lambda: stack.incident(number).all(Advised), 30.0, "the model has commented")
    incident = stack.incident(number)
    (advised,) = incident.all(Advised)
    assert {Escalated, Advised} <= {type(e.fact) for e in incident.entries}
    assert incident.status.value == "Status: Escalated"
    assert (advised.model, advised.prompt_tokens, advised.completion_tokens) == ("some-model", 900, 120)
    assert advised.cost_usd == pytest.approx(0.00276)
    assert any("not evidence" in comment["body"] for comment in stack.comments(number))
    wait_for(lambda: "1020 tokens, 0.0028 USD" in stack.issue(number)["body"], 30.0, "the card says what it took")
    assert stack.verify(number) == 0
    assert stack.restarts(since) == {}
    stack.undo("conversion", "--service", "policy-service")


def test_nothing_secret_went_to_the_model_or_into_a_log(stack: Stack, model: Endpoint) -> None:
    tokens = [token for token in stack.run.github["tokens"].values() if token]
    for seen in model.seen:
        assert not [t for t in (*tokens, KEY) if t.encode() in seen.raw]
        assert seen.headers["authorization"] == f"Bearer {KEY}"
    logs = [*Path(stack.state / "logs").iterdir(), stack.state / "up.said", *Path(stack.state / "model").iterdir()]
    assert not [file.name for file in logs if KEY.encode() in file.read_bytes()]


def test_with_a_silent_model_a_fault_is_healed_all_the_same(stack: Stack, model: Endpoint) -> None:
    def silent(_: Seen) -> Answer:
        return Answer(b"", hold=True)

    model.script = silent
    known = stack.numbers()
    stack.inject("crash", "quote-service")
    incident = stack.closed(stack.opened(known))
    assert len(incident.all(Applied)) == 1
