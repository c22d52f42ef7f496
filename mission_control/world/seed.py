"""What the embedded forge's repository begins with: the marketplace's source, the policy and the public keys."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from mission_control.deployer.release import SOURCE
from mission_control.settings import REPOSITORY_ROOT
from shared.adapters.git import GitSaysNo, git
from shared.gitops.stack import STACK
from shared.proof import REPRODUCTION, TESTS

STARTER: Final = "deploy/marketplace.py"
"""What the reproduction and the tests start the services with."""
BACKDATED: Final = timedelta(days=1)
_README: Final = """# marketplace

The control plane of a small insurance marketplace that SRE-Space looks after. An incident is an issue; what the fleet
knows, decides and does about it stands there.

- `protected_services/`: the services. What is on the default branch is what runs.
- `deploy/stack.yaml`: what each of them runs with. A commit is deployed, and its status says how that went.
- `deploy/reproduction.py`: shows a symptom on a tree. A change is proved by it: it fails before and passes after.
- `deploy/tests.py`: whether the marketplace does its business. What passed before a change passes after it.
- `deploy/policy.yaml`: what the fleet may do. What is not listed is denied.
- `deploy/keys.toml`: the fleet's public keys. A comment is a fact only when one of these signed it.

Open an issue labelled `sre:freeze` and the fleet stops acting until it is closed.
"""


class NotSeeded(Exception):
    """git could not put the first files into the forge; the message is git's own."""


def seed(pages: str, repo: str, token: str, policy: Path, keyring: Path) -> bool:
    """Push the first files to the default branch, as far as they are missing; returns whether it pushed.

    The commit is dated a day back: bringing what already runs under watch is not a deploy, and the Brain weighs recent
    commits. Raises NotSeeded.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="sre-space-seed-") as scratch:
            folder = Path(scratch) / "work"
            git(Path(scratch), "clone", "--quiet", f"{pages}/{repo}.git", str(folder), token=token)
            if (folder / STACK).exists():
                return False
            if not (folder / SOURCE).exists():
                _lay_out(folder, policy, keyring)
            (folder / STACK).parent.mkdir(exist_ok=True)
            for name in (STACK, REPRODUCTION, TESTS, STARTER):
                shutil.copyfile(REPOSITORY_ROOT / name, folder / name)
            git(folder, "add", "--all", "--force")
            when = (datetime.now(UTC) - BACKDATED).isoformat()
            git(folder, "commit", "--quiet", "-m", "Bring the marketplace under watch", date=when)
            git(folder, "push", "--quiet", "origin", "HEAD", token=token)
    except GitSaysNo as no:
        raise NotSeeded(str(no)) from no
    return True


def _lay_out(folder: Path, policy: Path, keyring: Path) -> None:
    (folder / "deploy").mkdir(exist_ok=True)
    (folder / "README.md").write_text(_README, encoding="utf-8")
    shutil.copyfile(keyring, folder / "deploy" / "keys.toml")
    if policy.exists():
        shutil.copyfile(policy, folder / "deploy" / "policy.yaml")
    source = REPOSITORY_ROOT / SOURCE
    shutil.copytree(source, folder / SOURCE, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
