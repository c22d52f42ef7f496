"""What the pages tell people to type is typed, in a world that runs and has healed something, and ends as it should."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from bench.rca_generate import Fault, World, gauges, window
from mission_control.exits import Exit
from tests.docs.pages import commands, given
from tests.machine import ROOT, clean_environment
from tests.scenario.stack import Stack, running

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(300)]

SERVICE: Final = "user-service"
PROGRAM: Final = str(ROOT / "mission-control.sh")
ELSEWHERE: Final = {
    "approve N": "tests/long/test_terminal.py",
    "bench rca --cases DIR [--traces-only] [--held-out day]": "tests/analysis_rca/test_commands.py",
    "demo": ".ci/run",
    "deploy --compose": "tests/stack/containers/stack.py",
    "deploy --compose --follow": "tests/stack/containers/stack.py",
    "deploy --follow": "mission_control/world/embedded.py",
    "down": "tests/long/test_quickstart.py",
    "freeze": "tests/mission_control/test_up.py",
    'freeze --why "trying it"': "tests/long/test_quickstart.py",
    "init --repo OWNER/NAME": "tests/workflows/test_init.py",
    "replay": "tests/regression/test_cases.py",
    "unfreeze": "tests/mission_control/test_up.py",
    "up": "tests/scenario/stack.py",
    "up --plain": "tests/scenario/stack.py",
    "verify-jules-pr N": "tests/workflows/test_verify.py",
    "verify-jules-pr [PR]": "tests/workflows/test_verify.py",
    "watch": "tests/long/test_terminal.py",
}
"""Run by other tests, or by what these stand on: they need more than a healed world, leave less, or go on for ever."""
DEVELOPMENT: Final = frozenset(("check", "test", "test --long", "test --real"))
"""What runs these tests, and what runs before them."""
SAID: Final = {words for _, words in commands()}
RUN_HERE: Final = sorted(
    words for words in SAID - ELSEWHERE.keys() - DEVELOPMENT if not any(more.startswith(f"{words} [") for more in SAID)
)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running() as one:
        yield one


@pytest.fixture(scope="module")
def values(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the pages write for a value, and one: a healed incident, files with what is asked for."""
    folder = tmp_path_factory.mktemp("given")
    world, fault = World(1, logs=True), Fault("cpu", "payment")
    exports = {
        "before.json": window(world, incident=False),
        "during.json": window(world, incident=True, fault=fault),
        "rows.json": gauges(world, window(world, incident=True, fault=fault), fault),
    }
    for name, document in exports.items():
        (folder / name).write_text(json.dumps(document), encoding="utf-8")
    known = stack.numbers()
    stack.inject("crash", SERVICE)
    number = str(stack.closed(stack.opened(known), 90).number)
    stack.indexed(int(number))
    head = stack.repository().call("GET", "/commits/main").json()["sha"]
    return {name: str(folder / name) for name in exports} | {"N": number, "42": number, "SHA": head}


@pytest.mark.parametrize("words", RUN_HERE)
def test_a_command_of_the_pages_does_what_it_is_for(
    stack: Stack, values: dict[str, str], words: str, tmp_path: Path
) -> None:
    file = str(ROOT / "deploy" / "policy.yaml") if "--policy" in words else str(tmp_path / "file")
    argv = [PROGRAM, *given(words, values | {"FILE": file})]
    environment = clean_environment(SRE_STATE_DIR=str(stack.state))
    done = subprocess.run(argv, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert done.stdout.strip()
    assert "--export" not in words or Path(file).stat().st_size > 0


@pytest.mark.parametrize(("words", "file"), sorted(ELSEWHERE.items()))
def test_what_is_run_elsewhere_stands_in_a_page_and_is_run_there(words: str, file: str) -> None:
    assert words in SAID
    assert words.split(maxsplit=1)[0] in (ROOT / file).read_text(encoding="utf-8")
