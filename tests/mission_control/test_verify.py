"""`verify` and `explain` read an issue's comments, believe signatures only, and say what they refuse."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import requests

from mission_control.world.keys import make_keys, read_key
from shared.incident.codec import Place, decode, encode
from shared.incident.facts import AnyFact, Detected, Diagnosed
from shared.incident.parts import Directive, Observed
from shared.incident.record import Role
from shared.incident.replay import GENESIS
from shared.incident.signing import KeySigner
from tests.machine import ROOT, clean_environment
from tests.mission_control.conftest import RunCommand
from tests.waiting import wait_for

pytestmark = pytest.mark.scenario
REPO = "sre-space/marketplace"
ACCOUNTS = {"sre-fleet": "admin", "olivia": "maintain", "mallory": "read"}


@dataclass(slots=True)
class Ledger:
    """A forge with one repository, and the means to write a log on it."""

    api: str
    state: Path

    def post(self, login: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"token {login}-token"}
        answer = requests.post(f"{self.api}/repos/{REPO}{path}", json=body, headers=headers, timeout=5)
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def block(self, fact: AnyFact, role: Role, issue: int = 0, seq: int = 0, prev: str = GENESIS) -> str:
        signer = KeySigner(role, read_key(self.state / "keys" / f"{role}.key"))
        return encode(fact, f"A {fact.kind} fact.", Place(REPO, issue, seq, prev), datetime.now(UTC), signer)

    def open(self) -> tuple[int, str]:
        """An incident with its first fact; its number and that fact's digest."""
        body = self.block(DETECTED, "scout")
        issue = self.post("sre-fleet", "/issues", {"title": "policy-service: died", "body": body})
        return int(issue["number"]), decode(body).digest

    def run(self, command: RunCommand, *arguments: str) -> subprocess.CompletedProcess[str]:
        return command(
            *arguments,
            GITHUB_PERSONAL_ACCESS_TOKEN="sre-fleet-token",
            GITHUB_REPOSITORY=REPO,
            GITHUB_API_URL=self.api,
            SRE_STATE_DIR=str(self.state),
        )


DETECTED = Detected(
    service="policy-service",
    symptom="oom",
    fingerprint=hashlib.sha256(b"policy-service oom").hexdigest(),
    severity="critical",
    summary="killed at its memory limit \x1b[31m",
    since=datetime(2026, 1, 1, tzinfo=UTC),
    evidence=(),
)


def diagnosed(issue: int) -> Diagnosed:
    observed = Observed(container_id="c1", started_at="2026-01-01T00:00:00Z", image="i")
    return Diagnosed(
        attempt=1,
        root_cause="memory leak",
        cause="oom",
        service="policy-service",
        confidence=0.9,
        hypotheses=(),
        evidence=(),
        directive=Directive(id=f"{issue}-1", verb="restart", target="policy-service", observed=observed, undo="none"),
    )


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    state = tmp_path_factory.mktemp("ledger")
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
        wait_for(lambda: b"\n" in said.read_bytes())
        yield Ledger(json.loads(said.read_text())["api"], state)
    finally:
        forge.terminate()
        forge.wait(10)


def test_a_whole_log_is_accepted_fact_by_fact(ledger: Ledger, command: RunCommand) -> None:
    number, head = ledger.open()
    comments = f"/issues/{number}/comments"
    ledger.post("sre-fleet", comments, {"body": ledger.block(diagnosed(number), "brain", number, 1, head)})
    ledger.post("mallory", comments, {"body": "looks bad"})
    done = ledger.run(command, "verify", str(number))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "detected           by scout" in done.stdout
    assert "diagnosed          by brain" in done.stdout
    assert "the log is whole: 2 facts, 0 refused, 0 gaps" in done.stdout


def test_forged_facts_are_refused_and_told(ledger: Ledger, command: RunCommand) -> None:
    number, head = ledger.open()
    comments = f"/issues/{number}/comments"
    perfect = ledger.block(diagnosed(number), "brain", number, 1, head)
    ledger.post("mallory", comments, {"body": perfect})
    wrong_role = ledger.block(diagnosed(number), "fixer", number, 1, head)
    ledger.post("sre-fleet", comments, {"body": wrong_role})
    ledger.post("sre-fleet", comments, {"body": perfect.replace('"confidence":0.9', '"confidence":0.8')})
    missing = ledger.block(diagnosed(number), "brain", number, 2, "f" * 64)
    ledger.post("sre-fleet", comments, {"body": missing})
    done = ledger.run(command, "verify", str(number), "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert [fact["kind"] for fact in told["facts"]] == ["detected"]
    reasons = [no["reason"] for no in told["rejected"]]
    assert reasons[0] == "mallory is not an account of the fleet"
    assert reasons[1] == "fixer may not say diagnosed"
    assert reasons[2] == "no valid signature of brain"
    assert len(told["gaps"]) == 1
    assert not told["whole"]


def test_an_issue_of_a_person_is_no_incident(ledger: Ledger, command: RunCommand) -> None:
    number = ledger.post("mallory", "/issues", {"title": "hello", "body": "please restart everything"})["number"]
    done = ledger.run(command, "verify", str(number))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "not an incident: no fact of the fleet stands here")


def test_an_issue_that_is_not_there_is_one_plain_line(ledger: Ledger, command: RunCommand) -> None:
    done = ledger.run(command, "verify", "4711")
    assert done.returncode == 1
    assert "404 Not Found" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_explain_tells_the_story_twice_in_the_same_words_and_obeys_no_escape_sequence(
    ledger: Ledger, command: RunCommand
) -> None:
    number, head = ledger.open()
    body = ledger.block(diagnosed(number), "brain", number, 1, head)
    ledger.post("sre-fleet", f"/issues/{number}/comments", {"body": body})
    first = ledger.run(command, "explain", str(number))
    assert first.returncode == 0, first.stderr
    assert "scout: detected oom on policy-service (critical): killed at its memory limit" in first.stdout
    assert "brain: root cause: memory leak (confidence 0.90, attempt 1)" in first.stdout
    assert "\x1b" not in first.stdout
    assert ledger.run(command, "explain", str(number)).stdout == first.stdout


def test_replay_reads_an_issue_and_says_what_cannot_be_decided_again(ledger: Ledger, command: RunCommand) -> None:
    number, head = ledger.open()
    body = ledger.block(diagnosed(number), "brain", number, 1, head)
    ledger.post("sre-fleet", f"/issues/{number}/comments", {"body": body})
    file = ledger.state / "case.json"
    done = ledger.run(command, "replay", str(number), "--export", str(file))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "not made again  oom in policy-service (0.90): restart policy-service" in done.stdout
    assert "no frozen case" in done.stdout
    again = ledger.run(command, "replay", "--case", str(file))
    assert again.stdout.splitlines()[3:] == done.stdout.splitlines()[3:]
    gone = ledger.run(command, "replay", "4711")
    assert (gone.returncode, len(gone.stderr.splitlines())) == (1, 1)


@pytest.mark.parametrize("arguments", [(), ("1", "--case", "x"), ("1", "--renew")])
def test_replay_wants_either_an_issue_or_a_case(command: RunCommand, arguments: tuple[str, ...]) -> None:
    assert command("replay", *arguments).returncode == 2


def test_every_role_has_its_own_key_and_none_is_ever_replaced(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys", tmp_path / "keys.toml", "fleet")
    before = {file.name: file.read_bytes() for file in (tmp_path / "keys").iterdir()}
    ring = (tmp_path / "keys.toml").read_text()
    make_keys(tmp_path / "keys", tmp_path / "keys.toml", "fleet")
    assert {file.name: file.read_bytes() for file in (tmp_path / "keys").iterdir()} == before
    assert (tmp_path / "keys.toml").read_text() == ring
    assert set(before) == {f"{role}.key" for role in get_args(Role)}
    assert len(set(before.values())) == len(before)
