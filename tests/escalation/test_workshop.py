"""A command in a real sandbox edits a copy of a commit; the files it changed are read back, and the tree stays."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agents.escalation.backends.workshop import ENOUGH, Copy, SandboxWorkshop
from shared.adapters.sandbox.bubblewrap import Bubblewrap

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap here")
BASE = "b" * 40
EDIT = (
    "from pathlib import Path\n"
    "Path('a.py').write_text(Path('a.py').read_text().replace('1', '2'))\n"
    "Path('gone.py').unlink(); Path('new').mkdir(); Path('new/b.py').write_text('no end of line')\n"
    "Path('kept.py').write_text('same\\n')\n"
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "a.py").write_text("x = 0\ny = 1\n")
    (folder / "gone.py").write_text("z\n")
    (folder / "kept.py").write_text("same\n")
    return folder


@pytest.fixture
def workshop(tmp_path: Path, tree: Path) -> SandboxWorkshop:
    @contextmanager
    def checkout(repo: str, branch: str) -> Iterator[Copy]:
        assert (repo, branch) == ("o/r", "main")
        yield Copy(BASE, tree)

    return SandboxWorkshop(Bubblewrap(tmp_path / "scratch"), checkout, replace(ENOUGH, wall_s=20.0, memory_mb=512))


def test_the_files_that_a_command_changed_in_its_copy_are_told_with_the_commit(
    workshop: SandboxWorkshop, tree: Path
) -> None:
    work = workshop.edit(("python3", "-c", EDIT), "o/r", "main")
    assert work.ok, work.said
    assert work.base == BASE
    assert work.files == {"a.py": b"x = 0\ny = 2\n", "gone.py": None, "new/b.py": b"no end of line"}
    assert (tree / "a.py").read_text() == "x = 0\ny = 1\n", "the tree itself is untouched"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("import os; os.symlink('/etc/passwd', 'link')", "no file's content: link"),
        ("import os; os.chmod('a.py', 0o755)", "no file's content: a.py (mode)"),
        ("import os; os.mkfifo('pipe')", "no file's content: pipe"),
        ("import sys; print('no model'); sys.exit(3)", "no model"),
        ("while True: print('x' * 1000)", "ended: output"),
    ],
)
def test_what_is_no_files_content_and_what_failed_is_refused(workshop: SandboxWorkshop, script: str, why: str) -> None:
    work = workshop.edit(("python3", "-c", script), "o/r", "main")
    assert not work.ok
    assert why in work.said
