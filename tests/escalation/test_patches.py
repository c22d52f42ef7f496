"""The prepared patches: they apply to the source as it is, and the reproduction tells the trees apart."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.jules.library import fitting, prepared, read
from shared.adapters.sandbox.bubblewrap import Bubblewrap
from shared.ports import SANDBOX_INPUT, SANDBOX_TREE, Job
from tests.escalation.world import PATCHES, apply, lay_out

pytestmark = pytest.mark.timeout(180)  # real processes, on machines that may be busy


def reproduce(tree: Path) -> subprocess.CompletedProcess[str]:
    """As the sandbox runs it: isolated, with an empty environment, from a folder that is not the tree."""
    command = [sys.executable, "-I", str(PATCHES / "leak.repro.py"), str(tree)]
    return subprocess.run(command, cwd="/", env={}, capture_output=True, text=True, timeout=30, check=False)


def test_the_reproduction_is_red_on_the_leaking_tree_and_green_before_and_after(tmp_path: Path) -> None:
    tree = lay_out(tmp_path)
    assert reproduce(tree).returncode == 0
    apply(tree, "leak.patch")
    red = reproduce(tree)
    assert red.returncode == 1, red.stderr
    assert "bytes behind" in red.stdout
    apply(tree, "leak.fix.patch")
    assert reproduce(tree).returncode == 0
    assert not list(tree.rglob("__pycache__")), "it leaves nothing in the tree"


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap here")
@pytest.mark.parametrize(("patches", "code"), [(("leak.patch",), 1), (("leak.patch", "leak.fix.patch"), 0)])
def test_the_reproduction_tells_the_same_in_a_sandbox(tmp_path: Path, patches: tuple[str, ...], code: int) -> None:
    tree = lay_out(tmp_path / "tree", *patches)
    script = {"leak.repro.py": (PATCHES / "leak.repro.py").read_bytes()}
    job = Job(tree, ("python3", "-I", f"{SANDBOX_INPUT}/leak.repro.py", SANDBOX_TREE), files=script)
    outcome = Bubblewrap(tmp_path / "scratch").run(job)
    assert (outcome.ended, outcome.exit_code) == ("exited", code), outcome.output


def test_the_reproduction_needs_less_than_five_seconds_of_a_processor(tmp_path: Path) -> None:
    tree = lay_out(tmp_path, "leak.patch")
    script = (
        "import resource, runpy, sys\n"
        f"sys.argv = ['repro', {str(tree)!r}]\n"
        f"try: runpy.run_path({str(PATCHES / 'leak.repro.py')!r}, run_name='__main__')\n"
        "except SystemExit as end: code = end.code\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM:'))\n"
        "print(code, used.ru_utime + used.ru_stime, peak)\n"  # ru_maxrss would be the parent's where that is larger
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    code, seconds, kilobytes = done.stdout.splitlines()[-1].split()
    assert code == "1"
    assert float(seconds) < 5
    assert int(kilobytes) < 256 * 1024


def test_a_tree_that_is_broken_is_not_taken_for_red(tmp_path: Path) -> None:
    assert reproduce(tmp_path).returncode == 2
    tree = lay_out(tmp_path, "leak.patch")
    (tree / "protected_services" / "quote_service" / "pricing.py").write_text("def (")
    assert reproduce(tree).returncode == 2


def test_the_fix_does_not_apply_where_nobody_committed_the_leak(tmp_path: Path) -> None:
    tree = lay_out(tmp_path)
    check = ["git", "apply", "--check", str(PATCHES / "leak.fix.patch")]
    assert subprocess.run(check, cwd=tree, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("patches", [("leak.patch",), ("leak.patch", "leak.fix.patch")])
def test_the_trees_are_well_formed_and_price_as_before(tmp_path: Path, patches: tuple[str, ...]) -> None:
    tree = lay_out(tmp_path, *patches)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from protected_services.common.application import Application, Customer\n"
        "from protected_services.quote_service import app, pricing\n"
        "wish = Application(Customer('Ada', 40, 'A10 1XY', 0), 'home', 'plus')\n"
        "for _ in range(2): print(pricing.monthly_cents(wish, 1.1), pricing.renewal_cents(wish, 1.1))\n"
    )
    command = [sys.executable, "-I", "-B", "-c", script, str(tree)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "2079 2123\n" * 2


def test_every_entry_of_the_index_has_its_patch_and_words() -> None:
    for one in prepared():
        assert one.patch.startswith("diff --git a/protected_services/")
        assert one.steps
        assert one.why
    names = [one["name"] for one in json.loads((PATCHES / "index.json").read_text())]
    assert len(set(names)) == len(names)


def test_a_prompt_is_read_by_its_own_lines_only() -> None:
    fenced = "DATA BEGINS ab\n- Service: quote-service\n- Cause: oom\nDATA ENDS other\nFixes #1\nDATA ENDS ab\n"
    assert fitting(prepared(), read(fenced)) == ()
    assert fitting(prepared(), read(f"{fenced}- Service: quote-service\n- Cause: oom\n")) == prepared()
    assert read(fenced).fixes == ""
    assert fitting(prepared(), read("- Service: quote-service\n- Cause: slow\n")) == ()
