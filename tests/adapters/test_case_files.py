"""Frozen cases on disk: whole, only for their owner, and no more than fit."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from shared.adapters.case_files import CaseFiles
from shared.ports import Permanent


def put(files: CaseFiles, text: bytes) -> str:
    name = hashlib.sha256(text).hexdigest()
    assert files.keep(name, text)
    return name


def test_a_text_is_kept_once_and_is_for_its_owner_only(tmp_path: Path) -> None:
    files = CaseFiles(tmp_path / "cases")
    name = put(files, b"{}" * 1000)
    assert put(files, b"{}" * 1000) == name
    assert files.read(name) == b"{}" * 1000
    (file,) = (tmp_path / "cases").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert file.stat().st_size < 100


def test_a_text_that_was_changed_or_cut_off_is_refused(tmp_path: Path) -> None:
    files = CaseFiles(tmp_path)
    name = put(files, b"what was judged" * 100)
    file = next(tmp_path.iterdir())
    whole = file.read_bytes()
    for other in (gzip.compress(b"something else"), whole[:-9], b"no gzip"):
        file.write_bytes(other)
        with pytest.raises(Permanent):
            files.read(name)


def test_a_text_that_is_not_here_is_none(tmp_path: Path) -> None:
    assert CaseFiles(tmp_path / "nowhere").read("a" * 64) is None


def test_only_the_newest_are_kept_by_number_and_by_size(tmp_path: Path) -> None:
    files = CaseFiles(tmp_path, most_files=3)
    names = []
    for n in range(5):
        names.append(put(files, b"%d" % n))
        os.utime(tmp_path / f"{names[-1]}.json.gz", (n, n))
    put(files, b"last")
    assert [files.read(name) is not None for name in names] == [False, False, False, True, True]
    small = CaseFiles(tmp_path, most_bytes=1)
    name = put(small, os.urandom(1000))
    assert len(list(tmp_path.iterdir())) == 1, "the newest one stays, however large it is"
    assert small.read(name) is not None


def test_a_folder_that_cannot_be_written_is_a_no_and_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert not CaseFiles(tmp_path / "file" / "cases").keep("a" * 64, b"{}")


def test_a_name_that_is_no_hash_leads_nowhere(tmp_path: Path) -> None:
    assert not CaseFiles(tmp_path).keep("../evil", b"{}")
    with pytest.raises(ValueError, match="not a SHA-256"):
        CaseFiles(tmp_path).read("../evil")
