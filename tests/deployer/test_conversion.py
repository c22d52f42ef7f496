"""trigger_chaos.py conversion: a commit as a developer makes it, and the commit that takes it back."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from mission_control.world.as_developer import CannotCommit, Developer, value_in, with_value
from tests.deployer.world import Shop
from tests.engine.hosts import ROOT
from tests.forge.conftest import OPERATOR, OUTSIDER, REPO

STACK = (ROOT / "deploy" / "stack.yaml").read_text(encoding="utf-8")


def chaos(shop: Shop, *arguments: str) -> dict[str, Any]:
    argv = [sys.executable, str(ROOT / "trigger_chaos.py"), *arguments, "--state", str(shop.state), "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def stack_now(shop: Shop) -> str:
    answer = shop.forge.session().get(
        f"{shop.forge.repo}/contents/deploy/stack.yaml", headers={"Accept": "application/vnd.github.raw"}
    )
    return answer.text


@pytest.fixture
def real(shop: Shop) -> Shop:
    """The repository holds the stack file of this product."""
    shop.commit({"deploy/stack.yaml": STACK})
    shop.write_run()
    return shop


def test_it_is_one_changed_value_by_a_developer_who_says_nothing_of_chaos(real: Shop) -> None:
    told = chaos(real, "conversion", "--grade", "medium")
    assert (told["service"], told["before"], told["after"]) == ("policy-service", "1.8", "1.0")
    assert stack_now(real) == STACK.replace('"1.8"', '"1.0"')
    commit = real.forge.session().get(f"{real.forge.repo}/commits/{told['commit']}").json()
    assert commit["author"]["login"] == "alice"
    assert [file["filename"] for file in commit["files"]] == ["deploy/stack.yaml"]
    assert not {"chaos", "fault", "inject", "test"} & set(commit["commit"]["message"].lower().split())


def test_it_is_taken_back_by_a_commit_while_it_stands_and_only_then(real: Shop) -> None:
    chaos(real, "conversion")
    (undone,) = chaos(real, "--undo")["undone"]
    assert (undone["fault"], undone["grade"]) == ("conversion", "severe")
    assert stack_now(real) == STACK
    assert chaos(real, "--undo")["undone"] == []
    chaos(real, "conversion")
    mended = STACK.replace('"1.8"', '"1.7"')
    real.commit({"deploy/stack.yaml": mended})
    assert chaos(real, "conversion", "--undo")["undone"] == []
    assert stack_now(real) == mended


def test_the_value_from_before_comes_back_be_it_what_it_may(real: Shop) -> None:
    real.commit({"deploy/stack.yaml": STACK.replace('"1.8"', '"2.5"')})
    chaos(real, "conversion")
    chaos(real, "conversion", "--undo")
    assert value_in(stack_now(real), "policy-service", "MAX_RISK_FACTOR") == "2.5"


def test_a_red_herring_is_another_commit_to_another_service(real: Shop) -> None:
    told = chaos(real, "conversion", "--herring")
    herring = real.forge.session().get(f"{real.forge.repo}/commits/{told['herring']}").json()
    assert herring["parents"][0]["sha"] == told["commit"]
    changed = [line for line in herring["files"][0]["patch"].splitlines() if line[:1] in "+-"]
    assert len(changed) == 2
    assert all("FEATURE_YEARLY_PRICE" in line for line in changed)
    assert chaos(real, "--herring")["after"] == "off", "and back, when asked again"


def test_who_may_not_write_is_told_so(real: Shop) -> None:
    with pytest.raises(CannotCommit, match=f"{REPO} answers 403 to PUT"):
        Developer(real.forge.api, REPO, OUTSIDER).set("policy-service", "MAX_RISK_FACTOR", "1", "x")


def test_a_commit_of_somebody_else_in_between_is_built_upon(real: Shop) -> None:
    real.forge.misbehave(latency_ms=150)
    developers = [
        subprocess.Popen(
            [sys.executable, str(ROOT / "trigger_chaos.py"), *arguments, "--state", str(real.state)],
            stdout=subprocess.DEVNULL,
        )
        for arguments in (("conversion",), ("--herring",))
    ]
    assert [one.wait(30) for one in developers] == [0, 0]
    now = stack_now(real)
    assert value_in(now, "policy-service", "MAX_RISK_FACTOR") == "0.5"
    assert value_in(now, "frontend", "FEATURE_YEARLY_PRICE") == "on"


def test_a_forge_that_does_not_answer_is_one_line() -> None:
    with pytest.raises(CannotCommit, match=r"127\.0\.0\.1:1 does not answer"):
        Developer("http://127.0.0.1:1/api/v3", REPO, OPERATOR).value("policy-service", "MAX_RISK_FACTOR")


@pytest.mark.parametrize("written", ['KEY: "1.8"', "KEY: '1.8'", "KEY: 1.8", 'KEY:   "1.8"   # why'])
def test_a_value_is_found_however_it_is_written_and_its_line_keeps_its_remark(written: str) -> None:
    text = f'services:\n  one:\n    environment:\n      {written}\n\n  two:\n    environment:\n      KEY: "9"\n'
    assert value_in(text, "one", "KEY") == "1.8"
    after = with_value(text, "one", "KEY", "2")
    assert value_in(after, "one", "KEY") == "2"
    assert value_in(after, "two", "KEY") == "9"
    assert ("# why" in after) == ("# why" in written)
