"""`deploy/tests.py`, the marketplace's own tests: what they pass, what they find, and a proof that they decide."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.sandbox.bubblewrap import Bubblewrap
from shared.gitops.stack import STACK
from shared.incident.facts import Detected
from shared.incident.replay import Incident
from shared.proof import TESTS, Proof
from shared.runtime.red_green import RedGreen
from shared.testing.log import LogBuilder
from tests.escalation.world import apply, lay_out
from tests.machine import ROOT, clean_environment

pytestmark = [pytest.mark.timeout(240), pytest.mark.scenario]

SERVICES = "protected_services"
DROPS_QUOTES = {
    f"{SERVICES}/quote_service/app.py": (
        "        self._quotes.put(quote.quote_id, quote)\n",
        "        self._quotes.get(quote.quote_id)\n",
    ),
    f"{SERVICES}/quote_service/pricing.py": ("_OUTLOOKS[application] = ", ""),
}
"""Cures the leak, and nobody can buy any more: a quote is forgotten as soon as it is given."""
BREAKS = {
    "crashes on what is no JSON": (
        f"{SERVICES}/common/bodies.py",
        "    except (ValueError, RecursionError) as bad:\n        raise Refused(400",
        "    except RecursionError as bad:\n        raise Refused(400",
        "what makes no sense is refused and the service lives on",
    ),
    "insures everybody": (
        f"{SERVICES}/policy_service/underwriting.py",
        "return BEYOND_APPETITE if risk_factor > max_risk_factor else None",
        "return None if risk_factor > max_risk_factor else None",
        "too high a risk is refused with the reason",
    ),
    "gives it away": (
        f"{SERVICES}/quote_service/pricing.py",
        "* risk_factor * price_factor",
        "* 0 * risk_factor * price_factor",
        "a price is sane and grows with cover and risk",
    ),
    "says 500 for what is not there": (
        f"{SERVICES}/policy_service/app.py",
        'raise Refused(404, "no such policy")',
        "raise KeyError",
        "what is not there is not found",
    ),
    "does not start": (
        f"{SERVICES}/user_service/app.py",
        "import hashlib\n",
        "import hash_lib\n",
        "every service comes up",
    ),
}


def change(tree: Path, path: str, old: str, new: str) -> None:
    file = tree / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def run(tree: Path, told: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    """Exit status and last line, as the sandbox runs it but for the sandbox."""
    arguments = []
    if told is not None:
        (tree / "told.json").write_text(json.dumps(told))
        arguments = [str(tree / "told.json")]
    command = [sys.executable, str(ROOT / TESTS), *arguments]
    environment = clean_environment()
    environment.pop("PYTHONPATH")
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("patches", [(), ("leak.patch",), ("leak.patch", "leak.fix.patch")])
def test_the_marketplace_passes_as_it_is_leaking_and_mended(tmp_path: Path, patches: tuple[str, ...]) -> None:
    status, said = run(lay_out(tmp_path, *patches))
    assert (status, said["failed"], said["why"]) == (0, [], "")
    assert len(said["passed"]) == len(set(said["passed"])) == 11
    assert not list(tmp_path.rglob("__pycache__")), "they leave nothing in the tree"


@pytest.mark.parametrize("name", BREAKS)
def test_a_service_that_breaks_its_business_is_found_by_the_test_of_that(tmp_path: Path, name: str) -> None:
    tree = lay_out(tmp_path)
    path, old, new, test = BREAKS[name]
    change(tree, path, old, new)
    status, said = run(tree)
    assert status == 1
    assert test in said["failed"]
    assert said["why"]


def test_the_services_run_with_what_the_tree_declares(tmp_path: Path) -> None:
    refusing = {"environment": {"policy-service": {"MAX_RISK_FACTOR": "0.5"}}}
    status, said = run(lay_out(tmp_path), refusing)
    assert (status, "a quote becomes a policy that can be read" in said["failed"]) == (1, True)
    assert "too high a risk is refused with the reason" in said["passed"]


class Folders:
    """Two trees by name. Fulfils `Trees`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def tree(self, sha: str) -> Iterator[Path]:
        yield self.folder / sha


def leaking(folder: Path) -> Path:
    """The tree with the leak, as it is in the seeded repository, with so low a limit that it dies early."""
    tree = lay_out(folder, "leak.patch")
    shutil.copytree(ROOT / "deploy", tree / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
    stack = (ROOT / STACK).read_text(encoding="utf-8").replace("192m", "96m")
    (tree / STACK).write_text(stack, encoding="utf-8")
    return tree


def oom() -> Incident:
    log = LogBuilder()
    detected = log.next("detected")
    assert isinstance(detected, Detected)
    log.say(detected.model_copy(update={"service": "quote-service", "symptom": "oom"}))
    return log.incident


def prove(tmp_path: Path) -> Proof:
    sandbox = Bubblewrap(tmp_path / "scratch")
    if sandbox.strength.word == "none":
        pytest.skip(f"no sandbox on this host: {sandbox.strength.line}")
    return RedGreen(sandbox, Folders(tmp_path)).prove(oom(), "base", "head")


def test_a_patch_that_cures_the_leak_by_breaking_purchases_is_refuted(tmp_path: Path) -> None:
    leaking(tmp_path / "base")
    head = leaking(tmp_path / "head")
    for path, (old, new) in DROPS_QUOTES.items():
        change(head, path, old, new)
    (head / "deploy" / "tests.py").write_text("raise SystemExit(0)\n")
    proof = prove(tmp_path)
    assert {c.name: c.ok for c in proof.checks} == {"base-is-red": True, "head-is-green": True, "tests": False}
    assert proof.verdict == "refuted"
    assert "a quote becomes a policy that can be read" in proof.checks[-1].detail


def test_the_patch_that_cures_it_is_proved(tmp_path: Path) -> None:
    leaking(tmp_path / "base")
    apply(leaking(tmp_path / "head"), "leak.fix.patch")
    proof = prove(tmp_path)
    assert (proof.verdict, [c.ok for c in proof.checks]) == ("proved", [True, True, True]), proof.checks
    assert proof.checks[-1].detail.startswith("11 pass (")
