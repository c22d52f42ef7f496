"""The environment is read once, and what is wrong with it is said all at once."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from mission_control.settings import BadSettings, read_settings, variables, variables_given
from tests.machine import ROOT
from tests.mission_control.conftest import RunCommand

OURS = [
    ROOT / "mission-control.sh",
    *(ROOT / name for name in (".env.example", "docker-compose.yml", "deploy/local/build.sh")),
    *ROOT.glob(".github/workflows/*.yml"),
    *ROOT.glob("mission_control/world/*.py"),
    *ROOT.glob("embedded/**/*.py"),
    *(file for file in ROOT.glob("tests/**/*.py") if file != Path(__file__)),
]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables().values():
        monkeypatch.delenv(name, raising=False)


def test_every_bad_setting_gets_one_line_and_all_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = {
        "GITHUB_PERSONAL_ACCESS_TOKEN": "ghp_secret",
        "KAFKA_BOOTSTRAP_SERVERS": "nowhere",
        "JAEGER_URL": "jaeger",
        "DOCKER_HOST": "/var/run/docker.sock",
        "SRE_PROBE_EVERY": "often",
        "SRE_HEALTHY_FOR": "0",
        "SRE_WEBHOOK_PORT": "8080",
        "SRE_LOG_LEVEL": "LOUD",
    }
    for name, value in bad.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as caught:
        read_settings()
    named = [line.split()[0] for line in caught.value.lines]
    assert named == sorted({*bad, "GITHUB_REPOSITORY"} - {"GITHUB_PERSONAL_ACCESS_TOKEN"})
    assert "ghp_secret" not in str(caught.value)


def test_bad_settings_end_a_command_with_status_2_and_one_line_each(command: RunCommand) -> None:
    done = command("status", KAFKA_BOOTSTRAP_SERVERS="nowhere", SRE_RESYNC_EVERY="-1")
    assert done.returncode == 2
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["KAFKA_BOOTSTRAP_SERVERS", "SRE_RESYNC_EVERY"]


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_PERSONAL_ACCESS_TOKEN", "ghp_secret")
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    monkeypatch.setenv("SRE_WEBHOOK_SECRET", "hush")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-quiet")
    settings = read_settings()
    assert "ghp_secret" not in repr(settings)
    assert "hush" not in str(settings)
    assert "sk-quiet" not in repr(settings)


def test_every_bad_setting_of_a_model_gets_one_line_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = {
        "SRE_MODEL": "two words",
        "OPENAI_BASE_URL": "http://user:secret@host/v1",
        "SRE_MODEL_TIMEOUT": "0",
        "SRE_MODEL_ANSWER_TOKENS": "none",
        "SRE_MODEL_CALLS_PER_DAY": "-1",
        "SRE_MODEL_PRICE_PROMPT": "inf",
        "SRE_MODEL_COST_PER_DAY": "-2",
    }
    for name, value in bad.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as caught:
        read_settings()
    assert [line.split()[0] for line in caught.value.lines] == sorted(bad)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"SRE_MODEL": "m"}, "OPENAI_API_KEY must be set"),
        ({"SRE_TIER3": "jules,human"}, "SRE_TIER3 names jules, which needs JULES_API_KEY"),
        ({"SRE_TIER3": "human,human"}, "SRE_TIER3 must name each backend once"),
        ({"SRE_TIER3": "nobody"}, "SRE_TIER3 Input should be"),
        ({"SRE_TIER3": "command"}, "SRE_TIER3_COMMAND must be set"),
        ({"SRE_TIER3_COMMAND": "aider --yes"}, "SRE_TIER3_COMMAND must be a program"),
        ({"SRE_MODEL": "m", "OPENAI_API_KEY": "two words"}, "OPENAI_API_KEY must be one word"),
        ({"SRE_MODEL_PRICE_PROMPT": "1"}, "SRE_MODEL_PRICE_COMPLETION and SRE_MODEL_PRICE_PROMPT must be set together"),
        ({"SRE_MODEL_COST_PER_DAY": "1"}, "SRE_MODEL_COST_PER_DAY needs SRE_MODEL_PRICE_PROMPT"),
    ],
)
def test_what_belongs_together_must_be_given_together(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], line: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as caught:
        read_settings()
    assert len(caught.value.lines) == 1
    assert caught.value.lines[0].startswith(line)


def test_a_key_alone_sends_nothing_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of another tool")
    assert read_settings().model is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("0.5", 0.5), ("250ms", 0.25), ("10min", 600), ("1h", 3600), ("2 d", 172800)]
)
def test_durations_take_a_number_and_a_unit(monkeypatch: pytest.MonkeyPatch, text: str, seconds: float) -> None:
    monkeypatch.setenv("SRE_RESYNC_EVERY", text)
    assert read_settings().resync_every == timedelta(seconds=seconds)


def test_an_option_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SRE_STATE_DIR", "/elsewhere")
    assert read_settings(state_dir=tmp_path).state_dir == tmp_path


def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "")
    assert read_settings().kafka is None


def test_a_repository_without_a_token_is_fine_because_ci_sets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    assert read_settings().github_token is None


def test_a_worker_with_its_own_key_knows_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SRE_KEY", str(tmp_path / "brain.key"))
    assert read_settings().key_file("fixer") == tmp_path / "brain.key"


def test_a_policy_that_cannot_be_read_ends_up_before_anything_starts(command: RunCommand, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 2\n")
    done = command("up", "--state", str(tmp_path / "state"), SRE_POLICY=str(policy))
    assert done.returncode == 2
    assert all(line.startswith(f"SRE_POLICY {policy}: policy: ") for line in done.stderr.splitlines())
    assert len(done.stderr.splitlines()) > 1
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "github_token", "KAFKA", "KEY", "LOG_LEVEL", "STATE_DIR", "POLICY"])
def test_another_programs_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    as_it_is = read_settings()
    monkeypatch.setenv(name, "/nowhere:1")
    assert read_settings() == as_it_is


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("SRE_MERG", "SRE_MERGE"),
        ("SRE_HEALTY_FOR", "SRE_HEALTHY_FOR"),
        ("SRE_MODEL_CALL_PER_DAY", "SRE_MODEL_CALLS_PER_DAY"),
    ],
)
def test_a_slip_in_the_name_of_a_setting_is_refused_because_what_was_meant_would_not_be_in_force(
    monkeypatch: pytest.MonkeyPatch, given: str, meant: str
) -> None:
    monkeypatch.setenv(given, "propose")
    monkeypatch.setenv("JAEGER_URL", "jaeger")
    with pytest.raises(BadSettings) as caught:
        read_settings()
    assert [line.split()[0] for line in caught.value.lines] == ["JAEGER_URL", given]
    assert caught.value.lines[1] == f"{given} is no setting; {meant} is one"
    monkeypatch.delenv("JAEGER_URL")
    with pytest.raises(BadSettings, match=f"{given} is no setting"):
        read_settings()


def test_variables_that_our_own_scripts_and_compose_read_are_no_slips(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {name for file in OURS for name in re.findall(r"\bSRE_[A-Z0-9_]+", file.read_text(encoding="utf-8"))}
    others = said - set(variables().values())
    assert {"SRE_BASE_IMAGE", "SRE_POLICY_FILE", "SRE_CACHE"} <= others
    for name in others - {"SRE_SETTINGS_DIR"}:
        monkeypatch.setenv(name, "x")
    read_settings()


def test_a_file_of_a_settings_name_stands_in_for_what_the_environment_leaves_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SRE_SETTINGS_DIR", str(tmp_path))
    (tmp_path / "SRE_REPLICAS").write_text("3\n", encoding="utf-8")
    (tmp_path / "SRE_PARTITIONS").write_text("\n", encoding="utf-8")
    (tmp_path / "SRE_LOG_LEVEL").mkdir()
    default = read_settings().partitions
    assert (read_settings().replicas, default, read_settings().log_level) == (3, 12, "INFO")
    assert variables_given() == {"SRE_REPLICAS": str(tmp_path / "SRE_REPLICAS")}
    monkeypatch.setenv("SRE_REPLICAS", "2")
    assert read_settings().replicas == 2
    assert read_settings(replicas=1).replicas == 1
    monkeypatch.setenv("SRE_REPLICAS", "")
    assert read_settings().replicas == 3
