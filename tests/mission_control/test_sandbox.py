"""Which sandbox is chosen, and what `doctor` says of it."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path

import pytest

from mission_control.doctor.slow import sandbox as findings
from mission_control.fleet.sandbox import Chosen, ChosenWhenNeeded, choose
from mission_control.settings import read_settings
from shared.adapters.sandbox.none import NoSandbox
from shared.testing.sandbox import ScriptedSandbox, outcome


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SRE_SANDBOX_IMAGE", "SRE_SANDBOX_DOCKER_HOST", "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)


def test_bubblewrap_is_chosen_after_it_has_run_a_trial(tmp_path: Path) -> None:
    assert shutil.which("bwrap"), "bwrap is not on PATH: apt-get install bubblewrap"
    settings = read_settings(state_dir=tmp_path)
    chosen = choose(settings)
    assert chosen.sandbox.strength.word in ("namespaces", "namespaces+cgroup")
    assert chosen.why == "bubblewrap has run a trial; Docker is not asked for: SRE_SANDBOX_IMAGE is not set"
    (finding,) = findings(settings)
    assert finding.ok
    assert chosen.sandbox.strength.word in finding.said


def test_where_nothing_works_there_is_none_and_doctor_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = read_settings(state_dir=tmp_path)
    assert choose(settings).sandbox.strength.word == "none"
    (finding,) = findings(settings)
    assert not finding.ok
    assert "install bubblewrap" in finding.said
    assert "unverified" in finding.fix


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # docker.transport.unixconn, when refused
def test_an_engine_that_does_not_answer_is_not_chosen_and_that_is_said(tmp_path: Path) -> None:
    settings = read_settings(
        state_dir=tmp_path, sandbox_image="fleet:1", sandbox_docker_host=f"unix://{tmp_path}/none.sock"
    )
    chosen = choose(settings)
    assert chosen.sandbox.strength.word.startswith("namespaces")
    assert "Docker does not work: the engine does not answer" in chosen.why
    gc.collect()


def test_the_engine_of_the_patients_alone_asks_for_no_sandbox(tmp_path: Path) -> None:
    chosen = choose(read_settings(state_dir=tmp_path, docker_host=f"unix://{tmp_path}/engine.sock"))
    assert "Docker is not asked for" in chosen.why


def test_a_worker_that_starts_chooses_at_its_first_proof_and_again_while_none_works() -> None:
    works = ScriptedSandbox(lambda _: outcome(0))
    choices = [Chosen(works, "now it runs"), Chosen(NoSandbox("the engine does not answer"), "not yet")]
    sandbox = ChosenWhenNeeded(choices.pop)
    assert len(choices) == 2, "nothing is asked at the start"
    assert sandbox.strength.word == "none"
    assert sandbox.strength == works.strength
    assert sandbox.strength == works.strength
    assert choices == []


@pytest.mark.parametrize("image", [None, "fleet:1"])
def test_where_no_folder_can_be_made_there_is_none_and_doctor_says_why(tmp_path: Path, image: str | None) -> None:
    (tmp_path / "sandbox").write_text("no folder")
    settings = read_settings(state_dir=tmp_path, sandbox_image=image, docker_host=f"unix://{tmp_path}/none.sock")
    chosen = choose(settings)
    assert chosen.sandbox.strength.word == "none"
    assert chosen.why.count("no folder for sandboxes") == (1 if image is None else 2)
    (finding,) = findings(settings)
    assert not finding.ok
