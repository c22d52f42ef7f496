"""A commit as files: what is there is laid out, and nothing leaves the folder, however the tree was made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.adapters.git import GitTrees, git
from shared.ports import Permanent


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def committed(work: Path) -> str:
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "A commit")
    return git(work, "rev-parse", "HEAD").decode().strip()


def trees(work: Path) -> GitTrees:
    return GitTrees(work.parent / "trees", os.fspath(work), None)


def test_files_folders_executables_and_links_inside_are_as_committed(work: Path) -> None:
    (work / "a" / "b").mkdir(parents=True)
    (work / "a" / "b" / "file").write_bytes(b"\x00text\r\n")
    (work / "run").write_text("#!/bin/sh\n")
    (work / "run").chmod(0o755)
    (work / "a" / "link").symlink_to("../run")
    with trees(work).tree(committed(work)) as tree:
        assert (tree / "a" / "b" / "file").read_bytes() == b"\x00text\r\n"
        assert (tree / "run").stat().st_mode & 0o777 == 0o755
        assert (tree / "a" / "b" / "file").stat().st_mode & 0o777 == 0o644
        assert (tree / "a" / "link").read_text() == "#!/bin/sh\n"
    assert not tree.exists()


@pytest.mark.parametrize("to", ["/etc/passwd", "../../outside", "a/../../outside"])
def test_a_link_that_leads_out_is_refused(work: Path, to: str) -> None:
    (work / "a").mkdir()
    (work / "a" / "file").write_text("")
    (work / "link").symlink_to(to)
    sha = committed(work)
    with pytest.raises(Permanent, match="the link 'link' leads out"), trees(work).tree(sha):
        raise AssertionError("it was laid out")


def test_a_tree_with_a_link_and_a_folder_of_one_name_writes_nothing_through_the_link(work: Path) -> None:
    """git itself makes no such tree; somebody who writes its objects by hand can."""
    outside = work.parent / "outside"
    outside.mkdir()

    def made(kind: str, content: bytes) -> bytes:
        name = git(work, "hash-object", "-w", "-t", kind, "--literally", "--stdin", stdin=content)
        return bytes.fromhex(name.decode().strip())

    link = made("blob", os.fsencode(outside))
    inner = made("tree", b"100644 evil\0" + made("blob", b"evil"))
    tree = made("tree", b"120000 x\0" + link + b"40000 x\0" + inner)
    sha = git(work, "commit-tree", tree.hex(), "-m", "Twice x").decode().strip()
    git(work, "update-ref", "refs/heads/main", sha)
    with pytest.raises(Permanent), trees(work).tree(sha):
        raise AssertionError("it was laid out")
    assert list(outside.iterdir()) == []
