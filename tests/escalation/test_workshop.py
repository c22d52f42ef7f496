"""A command in a real sandbox edits a copy; its patch applies to the tree, and the tree stays as it was."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.escalation.backends.workshop import ENOUGH, SandboxWorkshop, patch
from shared.adapters.sandbox.bubblewrap import Bubblewrap

bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap here")
EDIT = (
    "from pathlib import Path\n"
    "Path('a.py').write_text(Path('a.py').read_text().replace('1', '2'))\n"
    "Path('gone.py').unlink(); Path('new').mkdir(); Path('new/b.py').write_text('no end of line')\n"
)


def applied(tree: Path, text: str) -> None:
    done = subprocess.run(["git", "apply", "-"], cwd=tree, input=text, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{done.stderr}\n{text}"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "a.py").write_text("x = 0\ny = 1\n")
    (folder / "gone.py").write_text("z\n")
    return folder


@pytest.fixture
def workshop(tmp_path: Path, tree: Path) -> SandboxWorkshop:
    @contextmanager
    def checkout(repo: str, branch: str) -> Iterator[Path]:
        assert (repo, branch) == ("o/r", "main")
        yield tree

    return SandboxWorkshop(Bubblewrap(tmp_path / "scratch"), checkout, replace(ENOUGH, wall_s=20.0, memory_mb=512))


@bwrap
def test_what_a_command_changes_in_its_copy_becomes_a_patch_that_applies(workshop: SandboxWorkshop, tree: Path) -> None:
    work = workshop.edit(("python3", "-c", EDIT), "o/r", "main")
    assert work.ok, work.said
    assert (tree / "a.py").read_text() == "x = 0\ny = 1\n", "the tree itself is untouched"
    applied(tree, work.patch)
    assert (tree / "a.py").read_text() == "x = 0\ny = 2\n"
    assert (tree / "new" / "b.py").read_text() == "no end of line"
    assert not (tree / "gone.py").exists()


@bwrap
@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("import os; os.symlink('/etc/passwd', 'link')", "what no patch can say"),
        ("open('x.bin', 'wb').write(b'\\xff\\xfe')", "what no patch can say"),
        ("open('a b', 'w').write('x')", "what no patch can say"),
        ("import sys; print('no model'); sys.exit(3)", "no model"),
    ],
)
def test_what_no_patch_can_say_and_what_failed_is_refused(workshop: SandboxWorkshop, script: str, why: str) -> None:
    work = workshop.edit(("python3", "-c", script), "o/r", "main")
    assert not work.ok
    assert why in work.said


TEXT = st.one_of(st.none(), st.text(st.sampled_from("ab\n\r\t\x0c\u2028é"), max_size=30))


@settings(max_examples=80, deadline=None)
@given(before=TEXT, after=TEXT)
def test_every_patch_turns_the_text_before_into_the_text_after(
    tmp_path_factory: pytest.TempPathFactory, before: str | None, after: str | None
) -> None:
    folder = tmp_path_factory.mktemp("patch")
    file = folder / "f.txt"
    if before is not None:
        file.write_bytes(before.encode())
    text = patch("f.txt", before, after)
    if text:
        applied(folder, text)
    found = file.read_bytes().decode() if file.exists() else None
    assert found == after
