"""A forge with a person, the account of the workflows and the fleet's own; and commands run as a workflow runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from mission_control.settings import Settings, read_settings
from mission_control.world.keys import make_keys, read_key
from shared.incident.codec import Place, encode
from shared.incident.facts import AnyFact, Detected
from shared.incident.labels import INCIDENT, JULES_FIX, opening
from shared.incident.record import Role
from shared.incident.replay import GENESIS
from shared.incident.signing import KeySigner
from tests.machine import clean_environment
from tests.waiting import wait_for
from tests.workflows.files import ROOT

REPO = "sre-space/marketplace"
BOT = "github-actions[bot]"
ACCOUNTS = {"sre-fleet": "admin", BOT: "write", "olivia": "maintain", "rita": "triage"}


@dataclass(slots=True)
class World:
    """The forge's API, its pages, and a state folder with the fleet's keys."""

    api: str
    site: str
    state: Path

    def call(self, login: str, method: str, path: str, **body: Any) -> Any:
        headers = {"Authorization": f"token {login}-token"}
        data = body or None
        answer = requests.request(method, f"{self.api}/repos/{REPO}{path}", json=data, headers=headers, timeout=5)
        answer.raise_for_status()
        return answer.json()

    def incident(self, symptom: str = "oom") -> int:
        """An issue whose first fact is Scout's, with its labels; its number."""
        fact = Detected(
            service="policy-service",
            symptom=symptom,
            fingerprint=f"{len(symptom):064x}",
            severity="critical",
            summary="killed at its memory limit",
            since=datetime(2026, 1, 1, tzinfo=UTC),
            evidence=(),
        )
        labels = list(opening(fact))
        assert INCIDENT in labels
        body = {"title": "policy-service: died", "body": self._block(fact, "scout"), "labels": labels}
        return int(self.call("sre-fleet", "POST", "/issues", **body)["number"])

    def label(self, login: str, number: int, label: str = JULES_FIX) -> None:
        self.call(login, "POST", f"/issues/{number}/labels", labels=[label])

    def comments(self, number: int) -> list[str]:
        return [row["body"] for row in self.call("olivia", "GET", f"/issues/{number}/comments")]

    def settings(self, login: str, **more: Any) -> Settings:
        """What a command is given that is called here and not as a process."""
        return read_settings(
            github_token=f"{login}-token", github_repository=REPO, github_api_url=self.api, state_dir=self.state, **more
        )

    def run(self, login: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """`python -m mission_control …` with the token of `login`."""
        env = {
            "GITHUB_PERSONAL_ACCESS_TOKEN": f"{login}-token",
            "GITHUB_REPOSITORY": REPO,
            "GITHUB_API_URL": self.api,
            "SRE_STATE_DIR": str(self.state),
            **variables,
        }
        command = [sys.executable, "-P", "-m", "mission_control", *arguments]
        return subprocess.run(
            command, env=clean_environment(**env), capture_output=True, text=True, timeout=50, check=False
        )

    def _block(self, fact: AnyFact, role: Role) -> str:
        signer = KeySigner(role, read_key(self.state / "keys" / f"{role}.key"))
        return encode(fact, f"A {fact.kind} fact.", Place(REPO, 0, 0, GENESIS), datetime.now(UTC), signer)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    state = tmp_path_factory.mktemp("world")
    make_keys(state / "keys", state / "keys.toml", "sre-fleet")
    accounts = [{"login": login, "token": f"{login}-token", "role": role} for login, role in ACCOUNTS.items()]
    file = state / "accounts.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"repo": REPO, "accounts": accounts}))
    said = state / "said"
    with said.open("wb") as out, (state / "log").open("wb") as log:
        forge = subprocess.Popen(
            [sys.executable, "-m", "embedded.forge", "--data", str(state / "forge"), "--accounts", str(file)],
            stdout=out, stderr=log, cwd=ROOT, env=clean_environment(),
        )  # fmt: skip
    try:
        wait_for(lambda: b"\n" in said.read_bytes(), what="the forge")
        told = json.loads(said.read_text())
        yield World(told["api"], told["api"].removesuffix("/api/v3"), state)
    finally:
        forge.terminate()
        forge.wait(10)
