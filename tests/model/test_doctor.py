"""What `doctor` says of a model, and what a worker is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mission_control.doctor.finding import Finding
from mission_control.doctor.slow import model
from mission_control.fleet.roster import AGENTS
from mission_control.settings import Settings, read_settings, variables
from mission_control.world.addresses import Addresses, worker_variables
from tests.model.endpoint import Answer, Endpoint, Seen, error, says

KEY = "sk-canary-of-the-endpoint-0123456789"


def settings(endpoint: Endpoint, state: Path, **more: Any) -> Settings:
    return read_settings(state_dir=state, model="m", model_url=endpoint.url, model_key=SecretStr(KEY), **more)


def finding(endpoint: Endpoint, state: Path) -> Finding:
    """What is worst of what is found."""
    *_, last = found = list(model(settings(endpoint, state)))
    assert KEY not in str(found)
    return last


def test_a_model_that_keeps_the_form_is_well(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.script = lambda _: says('{"ok": true}')
    found = finding(endpoint, tmp_path)
    assert found.ok
    assert found.said.endswith("with a schema")


def test_a_server_that_takes_no_schema_is_said_to_be_so(endpoint: Endpoint, tmp_path: Path) -> None:
    def script(seen: Seen) -> Answer:
        return error(400) if "response_format" in seen.body else says('{"ok": true}')

    endpoint.script = script
    found = finding(endpoint, tmp_path)
    assert (found.id, found.severity) == ("model-plain", "note")
    assert found.said.endswith("takes no schema")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (error(401, f"bad key {KEY}"), "status 401"),
        (says("certainly!"), "not in the form asked for"),
        (says(None, refusal="no"), "refused"),
    ],
)
def test_a_model_that_does_not_answer_is_a_fault_with_its_reason(
    endpoint: Endpoint, tmp_path: Path, answer: Answer, why: str
) -> None:
    endpoint.script = lambda _: answer
    found = finding(endpoint, tmp_path)
    assert not found.ok
    assert found.severity == "bad"
    assert why in found.said
    assert found.fix


def test_only_brain_is_told_of_the_model(endpoint: Endpoint, tmp_path: Path) -> None:
    given = settings(endpoint, tmp_path, model_timeout="2s", model_price_prompt=1, model_price_completion=2)
    at = Addresses(tokens={"fleet": "t"})
    told = {name: worker_variables(name, given, tmp_path, at, tmp_path / "keys.toml") for name in AGENTS}
    assert told["brain"]["OPENAI_API_KEY"] == KEY
    assert told["brain"]["SRE_MODEL_TIMEOUT"] == "2"
    fields = {variable: name for name, variable in variables().items()}
    model_only = {
        fields[k]: v for k, v in told["brain"].items() if v is not None and fields.get(k, "").startswith("model")
    }
    again = read_settings(**model_only)
    model = {name for name in Settings.model_fields if name.startswith("model")}
    assert {name: getattr(again, name) for name in model} == {name: getattr(given, name) for name in model}
    for name in set(AGENTS) - {"brain"}:
        assert not [v for v in told[name] if v.startswith(("OPENAI", "SRE_MODEL"))]
        assert KEY not in told[name].values()
