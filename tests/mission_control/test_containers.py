"""What a stack of containers is given before its workers start."""

from __future__ import annotations

from pathlib import Path

import pytest

from mission_control.fleet.roster import ROLES
from mission_control.settings import BadSettings, read_settings, variables
from mission_control.world.containers import Places, make_for_containers
from mission_control.world.keys import FLEET, REPOSITORY, read_key
from shared.incident.signing import parse_keyring

FORGE, SITE = "http://forge:3000", "http://127.0.0.1:24680"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*variables().values(), "SRE_SETTINGS_DIR"):
        monkeypatch.delenv(name, raising=False)


def make(folder: Path) -> Path:
    """The fleet's folder after one run of `keys`."""
    fleet = folder / "fleet"
    fleet.mkdir(exist_ok=True)
    places = Places(fleet, folder / "accounts.json", folder / "token")
    assert make_for_containers(read_settings(keys_dir=folder / "keys"), places, FORGE, SITE) == 0
    return fleet


def test_each_role_has_a_key_in_a_folder_of_its_own_and_the_keyring_knows_all_of_them(tmp_path: Path) -> None:
    keyring = parse_keyring((make(tmp_path) / "keys.toml").read_text(encoding="utf-8"))
    found = sorted(path.relative_to(tmp_path / "keys").as_posix() for path in (tmp_path / "keys").rglob("*.key"))
    assert found == sorted(f"{role}/{role}.key" for role in ROLES)
    assert {row.role for row in keyring.keys} == set(ROLES)
    assert keyring.accounts == {FLEET}
    for role in ROLES:
        read_key(tmp_path / "keys" / role / f"{role}.key")


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    def everything() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    make(tmp_path)
    before = everything()
    make(tmp_path)
    assert everything() == before


def test_a_worker_finds_the_made_settings_where_its_environment_leaves_them_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SRE_SETTINGS_DIR", str(make(tmp_path) / "settings"))
    monkeypatch.setenv("GITHUB_PERSONAL_ACCESS_TOKEN", "")  # as compose hands on an unset variable
    settings = read_settings()
    assert settings.github_token is not None
    assert settings.github_repository == REPOSITORY
    assert (settings.github_api_url, settings.github_server_url) == (f"{FORGE}/api/v3", SITE)
    assert settings.alert_token is not None
    assert settings.alert_token.get_secret_value() == (tmp_path / "token").read_text(encoding="utf-8")
    assert settings.github_token.get_secret_value() not in repr(settings) + capsys.readouterr().out


def test_the_environment_wins_over_the_made_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRE_SETTINGS_DIR", str(make(tmp_path) / "settings"))
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/shop")
    assert read_settings().github_repository == "acme/shop"


def test_a_settings_folder_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRE_SETTINGS_DIR", str(tmp_path / "none"))
    with pytest.raises(BadSettings, match="SRE_SETTINGS_DIR"):
        read_settings()
