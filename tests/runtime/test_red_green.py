"""A proof is a reproduction that fails on the base and passes on the head, and tests that do not fail by the change;
everything else is said to be less."""

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
from shared.incident.parts import Predicate
from shared.incident.replay import Incident
from shared.ports import Job, Limits, Outcome, Permanent, Transient
from shared.proof import REPRODUCTION, TESTS, Proof, report
from shared.runtime.red_green import RedGreen
from shared.testing.compose import ScriptedCompose
from shared.testing.log import LogBuilder
from shared.testing.samples import FLEET
from shared.testing.sandbox import ScriptedSandbox, outcome
from tests.fixer.pull_world import BAD, GOOD, pull_world

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


def prove(trees: Folders, incident: Incident, *answers: Outcome) -> tuple[Proof, list[Job]]:
    """`answers`: of the reproduction on the base, on the head, of the tests on the head, on the base, on the head."""
    todo = iter(answers)
    sandbox = ScriptedSandbox(lambda _: next(todo))
    return RedGreen(sandbox, trees).prove(incident, BASE, HEAD), sandbox.jobs


def test_red_before_and_green_after_is_proved(trees: Folders, incident: Incident) -> None:
    proof, _ = prove(trees, incident, outcome(1, FIGURE), outcome(0, FIGURE.replace("0.97", "0.0")))
    assert proof.verdict == "proved"
    assert [(c.name, c.ok) for c in proof.checks][:2] == [("base-is-red", True), ("head-is-green", True)]
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
    told = [json.loads(job.files["told.json"]) for job in jobs]
    assert [t["environment"]["policy-service"]["MAX_RISK_FACTOR"] for t in told] == ["0.5", "1.8"]
    assert told[0]["symptom"] == "oom"
    assert not any(job.writable for job in jobs)


RED, GREEN = outcome(1, FIGURE), outcome(0, FIGURE)
PASS = outcome(0, 'noise\n{"passed": ["it sells", "it counts"], "failed": [], "why": ""}')
FAIL = outcome(1, '{"passed": ["it counts"], "failed": ["it sells"], "why": "a purchase: 500"}')
OTHER = outcome(1, '{"passed": ["it sells"], "failed": ["it counts"], "why": "none"}')


@pytest.fixture
def tested(trees: Folders) -> Folders:
    """A repository with tests, and something beside them that they import; the head has softer ones."""
    trees.write(BASE, {TESTS: b"# tests of the base\n", "deploy/starter.py": b"# starter\n"})
    trees.write(HEAD, {TESTS: b"# softened\n", "deploy/starter.py": b"# softened\n"})
    return trees


def test_of_a_repository_without_tests_nothing_is_claimed_and_its_proofs_stand(
    trees: Folders, incident: Incident
) -> None:
    proof, jobs = prove(trees, incident, RED, GREEN)
    assert (proof.verdict, len(jobs)) == ("proved", 2)
    assert (proof.checks[-1].name, proof.checks[-1].ok) == ("tests", None)
    assert "there are none" in proof.checks[-1].detail


def test_tests_that_pass_on_the_head_are_counted_and_not_run_on_the_base(tested: Folders, incident: Incident) -> None:
    proof, jobs = prove(tested, incident, RED, GREEN, PASS)
    assert (proof.verdict, proof.checks[-1].ok) == ("proved", True)
    assert proof.checks[-1].detail == "2 pass (0.5 s, namespaces)"
    files = jobs[2].files
    assert (files["tests.py"], files["starter.py"]) == (b"# tests of the base\n", b"# starter\n")
    assert jobs[2].tree.name == HEAD
    assert "symptom" not in json.loads(files["told.json"]), "tests are of the services, not of the incident"


def test_tests_that_the_change_breaks_refute_it(tested: Folders, incident: Incident) -> None:
    proof, jobs = prove(tested, incident, RED, GREEN, FAIL, PASS, FAIL)
    assert (proof.verdict, proof.checks[-1].ok) == ("refuted", False)
    assert proof.checks[-1].detail.startswith("1 of 2 fail: it sells (a purchase: 500); on the base all pass")
    assert [job.tree.name for job in jobs[2:]] == [HEAD, BASE, HEAD]


def test_tests_that_fail_once_and_not_again_show_nothing(tested: Folders, incident: Incident) -> None:
    proof, _ = prove(tested, incident, RED, GREEN, FAIL, PASS, PASS)
    assert (proof.verdict, proof.checks[-1].ok) == ("unverified", False)
    assert "not so when they were run again" in proof.checks[-1].detail


def test_tests_that_failed_before_are_named_and_not_held_against_the_change(
    tested: Folders, incident: Incident
) -> None:
    proof, _ = prove(tested, incident, RED, GREEN, FAIL, FAIL)
    assert (proof.verdict, proof.checks[-1].ok) == ("proved", None)
    assert "it sells" in proof.checks[-1].detail
    assert "on the base too" in proof.checks[-1].detail


def test_a_test_that_passed_before_is_held_against_the_change_though_others_failed(
    tested: Folders, incident: Incident
) -> None:
    proof, _ = prove(tested, incident, RED, GREEN, FAIL, OTHER, FAIL)
    assert proof.verdict == "refuted"
    assert proof.checks[-1].detail.startswith("it sells fails, and not on the base")


@pytest.mark.parametrize(
    "unclear", [(outcome(3),), (outcome(None, "", "timeout"),), (FAIL, outcome(3)), (FAIL, outcome(None, "", "cpu"))]
)
def test_tests_that_cannot_tell_leave_it_unverified(
    tested: Folders, incident: Incident, unclear: tuple[Outcome, ...]
) -> None:
    proof, _ = prove(tested, incident, RED, GREEN, *unclear)
    assert (proof.verdict, proof.checks[-1].ok) == ("unverified", False)


@pytest.mark.parametrize(
    ("head", "base", "verdict"),
    [
        (outcome(0, "OK"), None, "proved"),
        (outcome(1, "AssertionError"), outcome(0, "OK"), "refuted"),
        (outcome(1, "AssertionError"), outcome(1, "AssertionError"), "proved"),
        (outcome(1, '{"passed": 3, "failed": {"a": 1}}'), outcome(1, '{"passed": [1, null], "failed": "x"}'), "proved"),
        (outcome(1, '{"failed": ["' + "x" * 5_000 + '"], "passed": []}'), outcome(0), "refuted"),
    ],
)
def test_tests_without_names_count_by_their_exit_status(
    tested: Folders, incident: Incident, head: Outcome, base: Outcome | None, verdict: str
) -> None:
    answers = [head, *([base, head] if base else [])]
    proof, _ = prove(tested, incident, RED, GREEN, *answers)
    assert proof.verdict == verdict
    assert proof.checks[-1].detail.endswith("(0.5 s, namespaces)")


def test_tests_are_not_run_where_the_head_is_not_green(tested: Folders, incident: Incident) -> None:
    assert len(prove(tested, incident, RED, RED)[1]) == 2
    assert len(prove(tested, incident, GREEN)[1]) == 1


def asking(trees: Folders, incident: Incident, compose: ScriptedCompose) -> tuple[Proof, int]:
    """The proof, and how many jobs it took."""
    answers = iter((RED, GREEN))
    sandbox = ScriptedSandbox(lambda _: next(answers))
    return RedGreen(sandbox, trees, compose=compose).prove(incident, BASE, HEAD), len(sandbox.jobs)


def test_a_desired_state_that_compose_does_not_read_is_refuted_at_once(trees: Folders, incident: Incident) -> None:
    compose = ScriptedCompose("services.policy-service: no")
    proof, jobs = asking(trees, incident, compose)
    assert (proof.verdict, jobs, compose.asked) == ("refuted", 0, [GOOD])
    assert [(c.name, c.ok, c.detail) for c in proof.checks] == [("compose", False, "services.policy-service: no")]


@pytest.mark.parametrize("complaint", ["", None])
def test_what_compose_said_stands_first_and_where_nobody_was_asked_that_is_said(
    trees: Folders, incident: Incident, complaint: str | None
) -> None:
    proof, _ = asking(trees, incident, ScriptedCompose(complaint))
    assert proof.verdict == "proved"
    assert (proof.checks[0].name, proof.checks[0].ok) == ("compose", True if complaint == "" else None)


def test_compose_is_not_asked_of_a_desired_state_that_is_what_it_was(trees: Folders, incident: Incident) -> None:
    trees.write(HEAD, {STACK: BAD})
    compose = ScriptedCompose("never")
    assert (asking(trees, incident, compose)[0].verdict, compose.asked) == ("proved", [])


def test_each_claim_is_a_status_of_the_head_and_what_claims_nothing_is_none() -> None:
    forge = pull_world().forge
    head = forge.branches["main"]
    said = {"holds": True, "fails": False, "open": None}
    checks = tuple(Predicate(name=name, ok=ok, detail=f"it {name}") for name, ok in said.items())
    report(forge.account(FLEET), head, checks)
    states = {s.context: s.state for s in forge.statuses(head)}
    assert states == {"sre-space/holds": "success", "sre-space/fails": "failure"}


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
