"""Doctor on a running forge that is set up wrong: it finds what is wrong by its name, and mends what it says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mission_control.doctor import github_judged, github_seen
from mission_control.doctor.command import look, mend
from mission_control.settings import Settings, read_settings
from mission_control.world.keys import make_keys
from tests.adapters.github_world import REPO, ForgeProcess
from tests.machine import clean_environment


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForgeProcess]:
    running = ForgeProcess(
        tmp_path_factory.mktemp("forge"),
        {"fine": ("write", None), "reader": ("read", None), "owner": ("write", "repo, delete_repo")},
    )
    yield running
    running.stop()


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    make_keys(folder / "keys", folder / "keys.toml", "fine")
    return folder


def settings(forge: ForgeProcess, state: Path, login: str, **more: Any) -> Settings:
    return read_settings(
        state_dir=state, github_token=f"token-{login}", github_repository=REPO, github_api_url=forge.api, **more
    )


def faults(given: Settings) -> set[str]:
    seen = github_judged.judge(github_seen.read(given), "propose", frozenset({"fine"}))
    return {finding.id for finding in seen if not finding.ok} - {"public", "branch-rules", "labels"}


def test_a_wrong_token_and_a_repository_that_is_not_there_are_said(forge: ForgeProcess, state: Path) -> None:
    assert faults(settings(forge, state, "nobody")) == {"github"}
    there = settings(forge, state, "fine")
    assert faults(there.model_copy(update={"github_repository": "acme/nothing"})) == {"github"}


def test_a_token_without_scopes_is_tried_and_nothing_is_made_by_it(forge: ForgeProcess, state: Path) -> None:
    before = forge.call("GET", "/labels"), forge.call("GET", "/pulls"), forge.call("GET", "/branches")
    assert faults(settings(forge, state, "fine")) == set()
    assert faults(settings(forge, state, "reader")) == {"token-narrow", "permission"}
    assert (forge.call("GET", "/labels"), forge.call("GET", "/pulls"), forge.call("GET", "/branches")) == before


def test_a_token_with_a_dangerous_scope_is_too_wide(forge: ForgeProcess, state: Path) -> None:
    assert faults(settings(forge, state, "owner")) == {"token-wide"}


def test_the_fleets_own_account_as_the_operator_is_nobody_who_could_approve(forge: ForgeProcess, state: Path) -> None:
    assert faults(settings(forge, state, "fine", operator_token="token-fine")) == {"one-account"}
    assert faults(settings(forge, state, "fine", operator_token="token-operator")) == set()


def test_fix_makes_the_labels_and_closes_keys_and_folder_and_then_all_is_well(forge: ForgeProcess, state: Path) -> None:
    given = settings(forge, state, "fine")
    forge.call("POST", "/labels", {"name": "incident", "color": "ffffff", "description": "ours"})
    key = state / "keys" / "scout.key"
    key.chmod(0o644)
    state.chmod(0o777)
    before = {finding.id for finding in look(given) if finding.severity == "bad"}
    assert {"labels", "key-file", "state-folder"} <= before
    done = list(mend(given))
    assert all(finding.ok for finding in done)
    assert any("labels" in finding.said for finding in done)
    assert key.stat().st_mode & 0o777 == 0o600
    assert {"labels", "key-file", "state-folder"} & {f.id for f in look(given) if not f.ok} == set()
    assert list(mend(given)) == [], "nothing is done twice"


def test_a_limit_that_is_nearly_spent_is_said(forge: ForgeProcess, state: Path) -> None:
    given = settings(forge, state, "fine")

    def used() -> int:
        headers = {"Authorization": "token token-fine"}
        return int(
            requests.get(f"{forge.api}/rate_limit", headers=headers, timeout=5).json()["resources"]["core"]["used"]
        )

    before = used()
    assert "rate-budget" not in faults(given)
    one_look = used() - before
    forge.misbehave(rate_limit=used() + one_look + 1)
    try:
        assert faults(given) == {"rate-budget"}
    finally:
        forge.forget()


def test_no_finding_shows_a_token(forge: ForgeProcess, state: Path) -> None:
    given = settings(forge, state, "fine", operator_token="token-operator")
    told = json.dumps([finding.shape() for finding in look(given)])
    assert "token-fine" not in told
    assert "token-operator" not in told
