"""git as mission control runs it: nothing of the user's configuration, no prompt, no secret on a command line."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from typing import Final

TIMEOUT: Final = 60.0
"""Seconds one call may take."""


class GitSaysNo(Exception):
    """git failed; the message is its own."""


def git(
    folder: Path, *arguments: str, token: str | None = None, date: str | None = None, stdin: bytes | None = None
) -> bytes:
    """What git says in `folder`. `token` goes into a header that never shows in `ps`. Raises GitSaysNo."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LC_ALL": "C"}
    env |= {name: os.environ[name] for name in ("HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE") if name in os.environ}
    env |= {"NO_PROXY": "127.0.0.1,localhost", "GIT_TERMINAL_PROMPT": "0"}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for who in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{who}_NAME": "sre-space", f"GIT_{who}_EMAIL": "sre-space@users.noreply.localhost"}
        env |= {f"GIT_{who}_DATE": date} if date else {}
    config = {"safe.directory": "*", "gc.auto": "0"}
    if token:
        secret = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        config["http.extraHeader"] = f"Authorization: Basic {secret}"
    env["GIT_CONFIG_COUNT"] = str(len(config))
    for n, (key, value) in enumerate(config.items()):
        env |= {f"GIT_CONFIG_KEY_{n}": key, f"GIT_CONFIG_VALUE_{n}": value}
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, env=env, input=stdin, capture_output=True, timeout=TIMEOUT, check=False
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        raise GitSaysNo(f"git {arguments[0]}: {error}") from error
    if done.returncode != 0:
        raise GitSaysNo(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
