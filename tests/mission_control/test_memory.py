"""`memory`: what it says without a world, and of what is no incident. What it does is in tests/scenario."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mission_control.fleet.knowledge import embedder_of, library_of
from mission_control.settings import BadSettings, Settings, read_settings, variables
from mission_control.world.addresses import Addresses, worker_variables
from shared.adapters.model.embedding import EndpointEmbedder
from shared.recall.hashing import Hashed
from tests.mission_control.conftest import RunCommand


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables().values():
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("words", [("status",), ("rebuild",), ("forget", "42"), ("similar", "oom")])
def test_without_a_world_it_says_how_to_start_one(command: RunCommand, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = command("memory", *words, "--state", str(tmp_path))
    assert done.returncode == 1
    assert "start it with ./mission-control.sh up" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_chroma_it_says_which_variable_names_one(command: RunCommand, tmp_path: Path) -> None:
    done = command(
        "memory", "status", "--state", str(tmp_path), GITHUB_PERSONAL_ACCESS_TOKEN="t", GITHUB_REPOSITORY="o/r"
    )
    assert done.returncode == 1
    assert "CHROMA_URL" in done.stderr


def test_of_a_file_it_says_how_it_is_taken_out(command: RunCommand, tmp_path: Path) -> None:
    done = command("memory", "forget", "docs/runbooks/oom.md#3", "--state", str(tmp_path))
    assert done.returncode == 1
    assert re.search(r"docs/runbooks/oom\.md is a file .* memory\.leave_out in\s+deploy/policy\.yaml", done.stdout)


def test_a_chroma_that_is_away_is_a_line_and_not_a_traceback(command: RunCommand, tmp_path: Path) -> None:
    github = {"GITHUB_PERSONAL_ACCESS_TOKEN": "t", "GITHUB_REPOSITORY": "o/r", "GITHUB_API_URL": "http://127.0.0.1:9"}
    done = command("memory", "similar", "oom", "--state", str(tmp_path), CHROMA_URL="http://127.0.0.1:9", **github)
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_model_vectors_are_made_here_and_with_one_its_endpoint_names_them() -> None:
    assert embedder_of(read_settings()).name == Hashed().name
    endpoint = embedder_of(read_settings(embedding_model="nomic", embedding_url="http://127.0.0.1:9/v1"))
    assert isinstance(endpoint, EndpointEmbedder)
    assert "nomic" in endpoint.name
    endpoint.close()
    assert library_of(read_settings(), "o/r") is None


def test_an_embedding_model_of_openai_needs_a_key() -> None:
    with pytest.raises(BadSettings, match="SRE_EMBEDDING_KEY must be set"):
        read_settings(embedding_model="text-embedding-3-small")


def told(name: str, settings: Settings) -> dict[str, str | None]:
    at = Addresses(tokens={"fleet": "t"}, chroma="http://127.0.0.1:8000")
    return worker_variables(name, settings, Path("/state"), at, Path("/state/keys.toml"))


def test_brain_and_memory_alone_are_told_of_the_knowledge_base_and_its_key() -> None:
    given = {"embedding_model": "m", "embedding_url": "http://127.0.0.1:1/v1", "embedding_key": "hush-hush"}
    settings = read_settings(**given)
    for agent in ("scout", "guardrail", "fixer", "escalation", "herald"):
        assert "hush-hush" not in json.dumps(told(agent, settings))
        assert "CHROMA_URL" not in told(agent, settings)
    for agent in ("brain", "memory"):
        assert told(agent, settings)["SRE_EMBEDDING_KEY"] == "hush-hush"
        assert told(agent, settings)["CHROMA_URL"] == "http://127.0.0.1:8000"


def test_what_a_worker_is_told_it_reads_as_it_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_settings()
    for name, value in told("memory", settings).items():
        if value is not None and not name.startswith(("GITHUB", "MALLOC")):
            monkeypatch.setenv(name, value)
    assert read_settings().memory_horizon == settings.memory_horizon
