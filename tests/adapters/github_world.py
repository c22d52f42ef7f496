"""A running forge with three accounts, and the twin with the same three."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from shared.adapters.github import Address, GitHub, connect
from shared.adapters.github.budget import WINDOWS, Window
from shared.adapters.github.writes import Patience
from shared.runtime.clock import SystemClock
from shared.testing.clock import VirtualClock
from shared.testing.github import MemoryGitHub, MemoryRepository

REPO = "acme/market"
ROLES = {"fleet-bot": "admin", "operator": "write", "outsider": "read"}
AMPLE = (Window("creations", 60, 10_000), Window("mutations", 60, 10_000))
HASTY = Patience(read_back_after=(0.0, 0.05, 0.1, 0.2), again_after=(0.05, 0.1))


class ForgeProcess:
    """python -m embedded.forge."""

    def __init__(self, folder: Path, more: Mapping[str, tuple[str, str | None]] | None = None) -> None:
        """`more` accounts: login to role and the scopes of its token (None: a fine-grained one)."""
        self._folder = folder
        accounts = folder / "accounts.json"
        everyone = {login: (role, "repo") for login, role in ROLES.items()} | dict(more or {})
        people = [
            {"login": login, "token": f"token-{login}", "role": role, "scopes": scopes}
            for login, (role, scopes) in everyone.items()
        ]
        accounts.touch(mode=0o600)
        accounts.write_text(json.dumps({"repo": REPO, "accounts": people}))
        command = [sys.executable, "-m", "embedded.forge", "--port", "0", "--data", str(folder / "data")]
        with (folder / "forge.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--accounts", str(accounts)],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=Path(__file__).resolve().parents[2],
            )
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.url, self.api = ready["url"], ready["api"]
        self._admin = requests.Session()
        self._admin.trust_env = False
        self._admin.headers["X-Forge-Admin"] = "token-fleet-bot"
        self._open: list[GitHub] = []

    def connect(
        self, login: str, state: Path, *, windows: tuple[Window, ...] = WINDOWS, patience: Patience = HASTY
    ) -> GitHub:
        """The adapter as `login`."""
        address = Address(self.api, REPO, f"token-{login}", timeout=5)
        client = connect(address, state, SystemClock(), login=login, patience=patience, windows=windows)
        self._open.append(client)
        return client

    def misbehave(self, **switch: Any) -> None:
        answer = self._admin.put(f"{self.url}/_forge/misbehave", json=switch)
        assert answer.status_code == 200, answer.text

    def log(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._admin.get(f"{self.url}/_forge/log").json()
        return rows

    def forget(self) -> None:
        """Behave, and begin the log anew."""
        self._admin.delete(f"{self.url}/_forge/misbehave")
        self._admin.delete(f"{self.url}/_forge/log")

    def call(self, method: str, path: str, body: object = None, login: str = "operator") -> Any:
        """A request as a person would make it."""
        headers = {"Authorization": f"token token-{login}"}
        answer = self._admin.request(method, f"{self.api}/repos/{REPO}{path}", json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.text else None

    def disconnect(self) -> None:
        while self._open:
            self._open.pop().close()

    def stop(self) -> None:
        self.disconnect()
        self._admin.close()
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()


@dataclass(frozen=True, slots=True)
class World:
    """What the contract is tested on."""

    fleet: Any
    operator: Any
    outsider: Any


def twin() -> World:
    repository = MemoryRepository(VirtualClock(), REPO, roles=ROLES)
    return World(*(repository.account(login) for login in ROLES))


def real(forge: ForgeProcess, folder: Path) -> World:
    return World(*(forge.connect(login, folder, windows=AMPLE) for login in ROLES))


__all__ = ["AMPLE", "HASTY", "REPO", "ForgeProcess", "MemoryGitHub", "World", "real", "twin"]
