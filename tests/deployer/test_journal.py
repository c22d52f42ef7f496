"""The deployer's memory and its manners: a damaged journal, the lock, and what is said of a deploy."""

from __future__ import annotations

from pathlib import Path

import pytest

from mission_control.deployer.journal import Busy, Journal, one_at_a_time, read_journal
from mission_control.deployer.report import LONGEST, one_line
from shared.redaction import Redactor


def test_a_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = Journal("a", False, ("frontend",), "b", (("c", "success", "well"),))
    written.write(tmp_path / "deploy" / "journal.json")
    assert read_journal(tmp_path / "deploy" / "journal.json") == written


@pytest.mark.parametrize("text", ["", "[", "{}", '{"sha": 1}', '{"sha":"a","finished":true,"touched":1}'])
def test_a_damaged_journal_is_an_empty_one(text: str, tmp_path: Path) -> None:
    (tmp_path / "journal.json").write_text(text)
    assert read_journal(tmp_path / "journal.json") == Journal()


def test_two_deployers_never_work_on_one_engine_at_a_time(tmp_path: Path) -> None:
    address = f"unix://{tmp_path}/docker.sock"
    with one_at_a_time(address, 0.0, lambda: False):
        with pytest.raises(Busy), one_at_a_time(address, 0.0, lambda: False):
            pass
        with pytest.raises(Busy), one_at_a_time(address, 60.0, lambda: True):
            pass
        with one_at_a_time(f"{address}.other", 0.0, lambda: False):
            pass
    with one_at_a_time(address, 0.0, lambda: False):
        pass


def test_what_is_said_fits_github_and_holds_no_secret() -> None:
    text = "bad\x1b[31m\n value: token=hunter22 and s3cr3t-of-ours " + "x" * 300
    said = one_line(text, Redactor(("s3cr3t-of-ours",)))
    assert len(said) == LONGEST
    assert said.startswith("bad [31m value: token=[redacted] and [redacted] xxx")
