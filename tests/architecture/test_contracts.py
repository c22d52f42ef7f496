"""Every import contract can fail: a copy of the tree with one wrong import breaks exactly the contract meant for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("shared", "agents", "dashboard", "mission_control", "embedded", "protected_services")
CONTRACTS = [c["id"] for c in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]]

WRONG = {
    "floors": ("shared/incident/zz_wrong.py", "import shared.ports"),
    "siblings": ("agents/memory/zz_wrong.py", "import agents.brain.case"),
    "adapters": ("shared/adapters/zz_wrong.py", "import shared.adapters.probe"),
    "ports-only": ("agents/brain/zz_wrong.py", "import docker"),
    "agents-below-runtime": ("agents/brain/zz_wrong.py", "import shared.runtime.clock"),
    "dashboard": ("dashboard/zz_wrong.py", "import agents.scout.judge"),
    "hands": ("mission_control/zz_wrong.py", "import agents.fixer.actuators.container"),
    "tier-3": ("agents/escalation/zz_wrong.py", "import agents.escalation.backends.human"),
    "pure": ("agents/brain/analysts/zz_wrong.py", "import time"),
    "gitops": ("shared/gitops/zz_wrong.py", "import shared.analysis.trace"),
    "embedded": ("embedded/zz_wrong.py", "import shared.stream"),
    "patients": ("protected_services/zz_wrong.py", "import shared.stream"),
}
"""Contract id -> (a new file, the import in it that must not be)."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    yield folder
    shutil.rmtree(folder)


def lint(tree: Path, contract: str | None = None) -> subprocess.CompletedProcess[str]:
    only = ["--contract", contract] if contract else []
    command = [str(Path(sys.executable).parent / "lint-imports"), "--cache-dir", str(tree / ".cache"), *only]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=50, check=False)


def test_the_tree_as_it_is_keeps_every_contract(tree: Path) -> None:
    result = lint(tree)
    assert result.returncode == 0, result.stdout


def test_every_contract_has_its_negative_control() -> None:
    assert sorted(WRONG) == sorted(CONTRACTS)


ALSO_WRONG = [
    ("floors", "shared/gitops/zz_wrong.py", "import shared.ports"),
    ("floors", "shared/policy/zz_wrong.py", "import shared.gitops.stack"),
    ("floors", "dashboard/zz_wrong.py", "import mission_control.settings"),
    ("floors", "agents/brain/zz_wrong.py", "import dashboard.shapes"),
    ("dashboard", "dashboard/zz_wrong.py", "import embedded.ending"),
    ("ports-only", "dashboard/zz_wrong.py", "import shared.adapters.github"),
    ("pure", "shared/gitops/zz_wrong.py", "import pathlib"),
    ("pure", "shared/gitops/zz_wrong.py", "import subprocess"),
]
"""Further places that a contract must hold in."""


@pytest.mark.parametrize(("contract", "name", "line"), [(key, *wrong) for key, wrong in WRONG.items()] + ALSO_WRONG)
def test_one_wrong_import_breaks_the_contract(tree: Path, contract: str, name: str, line: str) -> None:
    wrong = tree / name
    wrong.write_text(f"{line}\n")
    try:
        result = lint(tree, contract)
    finally:
        wrong.unlink()
    assert result.returncode == 1, result.stdout
    assert "BROKEN" in result.stdout
    assert "zz_wrong" in result.stdout
