"""Taking changes of two sides together, line by line, held against git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.gitops.merge import Conflict, lines_of, merged

TEXT = st.lists(st.sampled_from((b"a\n", b"b\n", b"c\n", b"d\n", b"\n")), max_size=8).map(b"".join)
LINES = st.lists(st.integers(0, 99), min_size=1, max_size=12, unique=True)


def sides(numbers: list[int], data: st.DataObject) -> tuple[bytes, bytes, bytes]:
    """A text of different lines and two that were made of it."""
    ancestor = [b"%d\n" % n for n in numbers]
    texts = []
    for side in (b"ours", b"theirs"):
        lines: list[bytes] = []
        for index, line in enumerate(ancestor):
            match data.draw(st.sampled_from("====xi-")):
                case "=":
                    lines.append(line)
                case "x":
                    lines.append(b"%s %d\n" % (side, index))
                case "i":
                    lines += [b"%s + %d\n" % (side, index), line]
        texts.append(b"".join(lines))
    return b"".join(ancestor), texts[0], texts[1]


def by_git(folder: Path, ancestor: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    for name, data in (("ancestor", ancestor), ("ours", ours), ("theirs", theirs)):
        (folder / name).write_bytes(data)
    command = ["git", "merge-file", "-p", "-q", "--diff3", "ours", "ancestor", "theirs"]
    told = subprocess.run(command, cwd=folder, capture_output=True, timeout=20, check=False)
    return told.stdout if told.returncode == 0 else None


@given(TEXT, TEXT)
def test_what_only_one_side_changed_is_taken(ancestor: bytes, side: bytes) -> None:
    assert merged(ancestor, side, ancestor) == side
    assert merged(ancestor, ancestor, side) == side
    assert merged(ancestor, side, side) == side


@given(TEXT, TEXT, TEXT)
def test_the_sides_may_be_exchanged(ancestor: bytes, ours: bytes, theirs: bytes) -> None:
    try:
        found = merged(ancestor, ours, theirs)
    except Conflict:
        with pytest.raises(Conflict):
            merged(ancestor, theirs, ours)
    else:
        assert merged(ancestor, theirs, ours) == found


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.data())
def test_where_git_merges_or_finds_a_conflict_so_does_this(
    tmp_path: Path, lines: list[int], data: st.DataObject
) -> None:
    ancestor, ours, theirs = sides(lines, data)
    expected = by_git(tmp_path, ancestor, ours, theirs)
    if expected is None:
        with pytest.raises(Conflict):
            merged(ancestor, ours, theirs)
    else:
        assert merged(ancestor, ours, theirs) == expected


def test_changes_of_neighbouring_lines_are_a_conflict_that_says_where() -> None:
    with pytest.raises(Conflict, match="lines 1 to 2"):
        merged(b"a\nb\nc\n", b"A\nb\nc\n", b"a\nB\nc\n")


def test_two_different_insertions_at_one_place_are_a_conflict() -> None:
    with pytest.raises(Conflict):
        merged(b"a\nb\n", b"a\nx\nb\n", b"a\ny\nb\n")


def test_a_last_line_without_its_end_is_never_glued_to_another() -> None:
    assert merged(b"a\nb\nc", b"A\nb\nc", b"a\nb\nc\nd") == b"A\nb\nc\nd"
    with pytest.raises(Conflict):
        merged(b"a\nb", b"a\nb\nx", b"a\nb\ny")


def test_only_a_newline_ends_a_line() -> None:
    assert lines_of(b"a\r\nb\x0cc\x85d\n\ne") == [b"a\r\n", b"b\x0cc\x85d\n", b"\n", b"e"]
    assert lines_of(b"") == []


@pytest.mark.parametrize("text", [b"\n" * 4_000, b"x\n" * 6_000])
def test_texts_that_take_too_long_to_compare_are_refused(text: bytes) -> None:
    with pytest.raises(Conflict, match="lines"):
        merged(b"1\n" + text + b"2\n", b"3\n" + text + b"\n4\n", b"1\n" + text[2:] + b"5\n")
