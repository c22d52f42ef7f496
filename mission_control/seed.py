"""What the embedded forge's repository begins with: the marketplace's source, the policy and the public keys."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from mission_control.settings import REPOSITORY_ROOT

SOURCE: Final = "protected_services"
BACKDATED: Final = timedelta(days=1)
_README: Final = """# marketplace

The control plane of a small insurance marketplace that SRE-Space looks after. An incident is an issue; what the fleet
knows, decides and does about it stands there.

- `protected_services/`: the services, as they run.
- `deploy/policy.yaml`: what the fleet may do. What is not listed is denied.
- `deploy/keys.toml`: the fleet's public keys. A comment is a fact only when one of these signed it.

Open an issue labelled `sre:freeze` and the fleet stops acting until it is closed.
"""


class NotSeeded(Exception):
    """git could not put the first files into the forge; the message is git's own."""


def seed(pages: str, repo: str, token: str, policy: Path, keyring: Path) -> bool:
    """Push the first files to the default branch, unless the source is there; returns whether it pushed.

    The commit is dated a day back: bringing what already runs under watch is not a deploy, and the Brain weighs recent
    commits. Raises NotSeeded.
    """
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    with tempfile.TemporaryDirectory(prefix="sre-space-seed-") as scratch:
        folder = Path(scratch) / "work"
        _git(Path(scratch), "clone", "--quiet", f"{pages}/{repo}.git", str(folder), secret=basic)
        if (folder / SOURCE).exists():
            return False
        _lay_out(folder, policy, keyring)
        _git(folder, "add", "--all", "--force")
        when = (datetime.now(UTC) - BACKDATED).isoformat()
        _git(folder, "commit", "--quiet", "-m", "Bring the marketplace under watch", date=when)
        _git(folder, "push", "--quiet", "origin", "HEAD", secret=basic)
    return True


def _lay_out(folder: Path, policy: Path, keyring: Path) -> None:
    (folder / "deploy").mkdir(exist_ok=True)
    (folder / "README.md").write_text(_README, encoding="utf-8")
    shutil.copyfile(keyring, folder / "deploy" / "keys.toml")
    if policy.exists():
        shutil.copyfile(policy, folder / "deploy" / "policy.yaml")
    source = REPOSITORY_ROOT / SOURCE
    shutil.copytree(source, folder / SOURCE, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))


def _git(folder: Path, *arguments: str, secret: str | None = None, date: str | None = None) -> str:
    """Run git in `folder` with nothing of the user's configuration; `secret` (Basic) never shows in `ps`."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    for who in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{who}_NAME": "sre-space", f"GIT_{who}_EMAIL": "sre-space@users.noreply.localhost"}
        env |= {f"GIT_{who}_DATE": date} if date else {}
    config = {"safe.directory": "*"} | ({"http.extraHeader": f"Authorization: Basic {secret}"} if secret else {})
    env["GIT_CONFIG_COUNT"] = str(len(config))
    for n, (key, value) in enumerate(config.items()):
        env |= {f"GIT_CONFIG_KEY_{n}": key, f"GIT_CONFIG_VALUE_{n}": value}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0:
        raise NotSeeded(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout
