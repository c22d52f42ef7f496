"""A proof is a reproduction that fails on the base and passes on the head; everything else is said to be less."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.adapters.git import GitTrees, git
from shared.adapters.sandbox.bubblewrap import Bubblewrap
from shared.gitops.stack import STACK
from shared.incident.replay import Incident
from shared.ports import Job, Limits, Outcome, Permanent, Transient
from shared.proof import REPRODUCTION, Proof
from shared.runtime.red_green import RedGreen
from shared.testing.log import LogBuilder
from shared.testing.sandbox import ScriptedSandbox, outcome
from tests.fixer.pull_world import BAD, GOOD

FIGURE = '{"figure": 0.97, "bound": 0.5, "what": "refused purchases"}'
BASE, HEAD = "a" * 40, "b" * 40


class Folders:
    """Commits as folders that the test has written. Fulfils `Trees`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, sha: str, files: dict[str, bytes]) -> None:
        for name, data in files.items():
            path = self._folder / sha / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    @contextmanager
    def tree(self, sha: str) -> Iterator[Path]:
        yield self._folder / sha


@pytest.fixture
def trees(tmp_path: Path) -> Folders:
    made = Folders(tmp_path)
    made.write(BASE, {REPRODUCTION: b"# of the base\n", STACK: BAD})
    made.write(HEAD, {REPRODUCTION: b"# softened\n", STACK: GOOD})
    return made


@pytest.fixture
def incident() -> Incident:
    return LogBuilder().do("detected").incident


def prove(trees: Folders, incident: Incident, red: Outcome, green: Outcome | None = None) -> tuple[Proof, list[Job]]:
    answers = iter([red] + ([green] if green is not None else []))
    sandbox = ScriptedSandbox(lambda _: next(answers))
    return RedGreen(sandbox, trees).prove(incident, BASE, HEAD), sandbox.jobs


def test_red_before_and_green_after_is_proved(trees: Folders, incident: Incident) -> None:
    proof, _ = prove(trees, incident, outcome(1, FIGURE), outcome(0, FIGURE.replace("0.97", "0.0")))
    assert proof.verdict == "proved"
    assert [(c.name, c.ok) for c in proof.checks] == [("base-is-red", True), ("head-is-green", True)]
    assert proof.checks[0].detail == "refused purchases: 0.97 against 0.5 (0.5 s, namespaces)"


def test_a_reproduction_that_passes_on_the_base_is_no_reproduction(trees: Folders, incident: Incident) -> None:
    proof, jobs = prove(trees, incident, outcome(0, FIGURE))
    assert (proof.verdict, len(jobs)) == ("unverified", 1)
    assert "no reproduction" in proof.checks[0].detail


def test_a_head_that_still_shows_it_is_refuted(trees: Folders, incident: Incident) -> None:
    proof, _ = prove(trees, incident, outcome(1, FIGURE), outcome(1, FIGURE))
    assert (proof.verdict, [c.ok for c in proof.checks]) == ("refuted", [True, False])


@pytest.mark.parametrize(
    "unclear",
    [
        outcome(3, "cannot tell"),
        outcome(137),
        outcome(-1),
        outcome(None, "", "timeout"),
        outcome(None, "", "memory"),
        outcome(None, "", "output"),
    ],
)
def test_what_cannot_be_told_is_unverified_and_never_proved_or_refuted(
    trees: Folders, incident: Incident, unclear: Outcome
) -> None:
    assert prove(trees, incident, unclear)[0].verdict == "unverified"
    assert prove(trees, incident, outcome(1, FIGURE), unclear)[0].verdict == "unverified"


@pytest.mark.parametrize("words", ["[" * 200_000, "\x00\xff{}", '{"figure": 1}', "", "9" * 10_000])
def test_whatever_the_job_says_is_words(trees: Folders, incident: Incident, words: str) -> None:
    proof, _ = prove(trees, incident, outcome(1, words), outcome(0, words))
    assert proof.verdict == "proved"
    assert all(len(c.detail) <= 300 for c in proof.checks)


def test_the_bases_script_is_used_for_both_and_each_tree_has_its_own_configuration(
    trees: Folders, incident: Incident
) -> None:
    _, jobs = prove(trees, incident, outcome(1, FIGURE), outcome(0, FIGURE))
    assert [job.files["reproduction.py"] for job in jobs] == [b"# of the base\n"] * 2
    told = [json.loads(job.files["incident.json"]) for job in jobs]
    assert [t["environment"]["policy-service"]["MAX_RISK_FACTOR"] for t in told] == ["0.5", "1.8"]
    assert told[0]["symptom"] == "oom"
    assert not any(job.writable for job in jobs)


def test_without_a_sandbox_nothing_is_run(trees: Folders, incident: Incident) -> None:
    sandbox = ScriptedSandbox(lambda _: outcome(1), word="none")
    proof = RedGreen(sandbox, trees).prove(incident, BASE, HEAD)
    assert (proof.verdict, sandbox.jobs) == ("unverified", [])
    assert "no sandbox" in proof.checks[0].detail


def test_a_repository_without_a_reproduction_or_with_a_link_in_its_place_is_unverified(
    trees: Folders, incident: Incident, tmp_path: Path
) -> None:
    script = tmp_path / BASE / REPRODUCTION
    script.unlink()
    assert prove(trees, incident, outcome(1), outcome(0))[0].verdict == "unverified"
    script.symlink_to(tmp_path / HEAD / REPRODUCTION)
    assert prove(trees, incident, outcome(1), outcome(0))[0].verdict == "unverified"


def test_a_desired_state_that_cannot_be_read_is_unverified(trees: Folders, incident: Incident) -> None:
    trees.write(HEAD, {STACK: b"error: not found\n"})
    assert prove(trees, incident, outcome(1, FIGURE), outcome(0))[0].verdict == "unverified"


def test_a_sandbox_that_refuses_is_unverified_and_one_that_is_busy_is_asked_again(
    trees: Folders, incident: Incident
) -> None:
    def refuses(_: Job) -> Outcome:
        raise Permanent("no user namespaces here")

    def busy(_: Job) -> Outcome:
        raise Transient("no room")

    proof = RedGreen(ScriptedSandbox(refuses), trees).prove(incident, BASE, HEAD)
    assert (proof.verdict, proof.checks[0].detail) == ("unverified", "no user namespaces here")
    with pytest.raises(Transient):
        RedGreen(ScriptedSandbox(busy), trees).prove(incident, BASE, HEAD)


def test_in_a_real_sandbox_a_figure_of_the_tree_goes_from_red_to_green(tmp_path: Path, incident: Incident) -> None:
    trees = Folders(tmp_path / "trees")
    script = b"import sys\nsys.exit(1 if open('figure.txt').read().strip() == 'bad' else 0)\n"
    trees.write(BASE, {REPRODUCTION: script, "figure.txt": b"bad\n"})
    trees.write(HEAD, {REPRODUCTION: b"import sys\nsys.exit(0)\n", "figure.txt": b"good\n"})
    sandbox = Bubblewrap(tmp_path / "sandbox")
    if sandbox.strength.word == "none":
        pytest.skip(f"no sandbox on this host: {sandbox.strength.line}")
    prover = RedGreen(sandbox, trees, Limits(wall_s=20.0))
    assert prover.prove(incident, BASE, HEAD).verdict == "proved"
    trees.write(HEAD, {"figure.txt": b"bad\n"})
    assert prover.prove(incident, BASE, HEAD).verdict == "refuted", "by the base's script, not the softened one"


def test_a_commit_cannot_hide_files_from_its_proof_by_its_attributes(tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "deploy").mkdir(parents=True)
    git(work, "init", "--quiet", "--initial-branch=main")
    (work / STACK).write_bytes(BAD)
    (work / "raw.txt").write_bytes(b"$Id$ $Format:%H$\nline\n")
    attributes = "deploy/stack.yaml export-ignore\nraw.txt export-subst ident text eol=crlf\n"
    (work / ".gitattributes").write_text(attributes)
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "Hide it")
    sha = git(work, "rev-parse", "HEAD").decode().strip()
    with GitTrees(tmp_path / "trees", os.fspath(work), None).tree(sha) as tree:
        assert (tree / STACK).read_bytes() == BAD
        assert (tree / "raw.txt").read_bytes() == b"$Id$ $Format:%H$\nline\n"
