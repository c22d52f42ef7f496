"""The real host: what makes a container of compose another one, and what compose is told of it."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from mission_control.deployer.compose import OVERRIDE, override, specs
from mission_control.deployer.plan import Seen
from mission_control.world.patients import SERVICES
from tests.deploy.test_compose_file import composes
from tests.deployer.test_plan import BASE, BLOBS, with_service
from tests.engine.hosts import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def differ(one: dict[str, str], other: dict[str, str]) -> set[str]:
    return {name for name in one if one[name] != other[name]}


def test_a_container_is_another_one_by_its_source_its_levers_or_how_the_compose_file_has_it() -> None:
    before = specs(BASE, COMPOSE)
    assert set(before) == set(SERVICES)
    code = replace(BASE, sha="b" * 40, blobs=BLOBS | {"protected_services/frontend/app.py": "new"})
    assert differ(before, specs(code, COMPOSE)) == {"frontend"}
    assert differ(before, specs(with_service("user-service", memory_mib=256), COMPOSE)) == {"user-service"}
    described = copy.deepcopy(COMPOSE)
    described["services"]["quote-service"]["command"] = ["sleep", "1"]
    assert differ(before, specs(BASE, described)) == {"quote-service"}
    assert differ(before, specs(replace(BASE, sha="b" * 40, folder=Path("/b")), COMPOSE)) == set()


def test_what_was_never_deployed_is_left_to_the_compose_file() -> None:
    there = {"frontend": Seen("", "running"), "user-service": Seen("spec", "running", "c" * 40)}
    assert set(override(there)["services"]) == {"user-service"}


@pytest.mark.parametrize("program", composes(), ids=lambda program: Path(program[0]).name)
def test_compose_understands_what_was_deployed(program: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    for file in ("docker-compose.yml", "deploy/stack.yaml"):
        shutil.copyfile(ROOT / file, tmp_path / file)
    told = override({"policy-service": Seen("spec", "", "c" * 40)})
    (tmp_path / OVERRIDE).write_text(yaml.safe_dump(told), encoding="utf-8")
    done = subprocess.run(
        [*program, "-p", "shop", "-f", str(tmp_path / "docker-compose.yml"), "-f", str(tmp_path / OVERRIDE), "config"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    policy = yaml.safe_load(done.stdout)["services"]["policy-service"]
    assert policy["image"] == "sre-space/marketplace:" + "c" * 12
    assert policy["labels"]["sre-space.release"] == "c" * 40
    assert policy["labels"]["sre-space.managed"] == "true"
    assert policy["environment"]["MAX_RISK_FACTOR"] == "1.8"
