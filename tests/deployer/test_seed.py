"""What the forge's repository begins with: it can be deployed, reproduces its incidents and tests itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.forge.world import open_world
from mission_control.world.seed import seed
from shared.adapters.git import git
from shared.gitops.stack import STACK
from shared.proof import REPRODUCTION, TESTS
from tests.forge.conftest import ACCOUNTS, FLEET, REPO, Running
from tests.machine import ROOT, clean_environment

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Running]:
    """An empty one."""
    running = Running(open_world(tmp_path / "forge", ACCOUNTS))
    yield running
    running.stop()


def test_it_is_seeded_once_with_tests_that_pass_on_it(forge: Running, tmp_path: Path) -> None:
    keyring = tmp_path / "keys.toml"
    keyring.write_text("accounts = []\n")
    policy = ROOT / "deploy" / "policy.yaml"
    assert seed(forge.url, REPO, FLEET, policy, keyring)
    assert not seed(forge.url, REPO, FLEET, policy, keyring)
    git(tmp_path, "clone", "--quiet", f"{forge.url}/{REPO}.git", "seeded", token=FLEET)
    seeded = tmp_path / "seeded"
    for name in (STACK, REPRODUCTION, "deploy/policy.yaml"):
        assert (seeded / name).read_bytes() == (ROOT / name).read_bytes()
    done = subprocess.run(
        [sys.executable, TESTS], cwd=seeded, env=clean_environment(PYTHONPATH=""), capture_output=True, text=True,
        timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["failed"] == []
