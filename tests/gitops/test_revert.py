"""Taking a commit back: what it changed, and nothing that came later."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.gitops.diff import FileChange, stack_diff, tree, with_files
from shared.gitops.edit import Refused, apply
from shared.gitops.refusals import check
from shared.gitops.stack import STACK, BadStack, parse_stack
from shared.incident.change import RevertCommit
from tests.gitops.samples import STATE, states

COMMIT = "c" * 40
SOURCE = "protected_services/policy_service/underwriting.py"
CODE = b"""'''Who is insured.'''

LIMIT = 1.8


def refusal(factor):
    if factor > LIMIT:
        return 'too risky'
    return None


def premium(base, factor):
    return base * factor
"""


def revert(base: dict[str, bytes], *commit: FileChange, paths: tuple[str, ...] = ()) -> dict[str, bytes | None]:
    """The new files; that `check` finds nothing wrong with them is asserted on the way."""
    change = RevertCommit(commit=COMMIT, paths=paths or tuple(file.path for file in commit))
    new = apply(change, base, commit)
    before = tree(base)
    assert check(change, before, with_files(before, new), commit) == ()
    return new


def of_state(before: str, after: str) -> FileChange:
    return FileChange(STACK, "100644", before.encode(), after.encode())


def of_code(before: bytes | None, after: bytes | None) -> FileChange:
    return FileChange(SOURCE, "100644", before, after)


BAD = STATE.replace('"1.8"', '"0.8"')


def test_where_nothing_came_later_the_files_are_what_they_were() -> None:
    bad_code = CODE.replace(b"LIMIT = 1.8", b"LIMIT = 0.8")
    base = {STACK: BAD.encode(), SOURCE: bad_code}
    assert revert(base, of_state(STATE, BAD), of_code(CODE, bad_code)) == {STACK: STATE.encode(), SOURCE: CODE}


def test_a_later_change_of_another_key_survives() -> None:
    later = BAD.replace("256m", "512m").replace("# who is insured", "# who is insured, says Ann")
    new = revert({STACK: later.encode()}, of_state(STATE, BAD))
    assert new == {STACK: later.replace('"0.8"', '"1.8"').encode()}


def test_a_key_that_was_changed_again_keeps_its_later_value() -> None:
    bad = BAD.replace("256m", "300m")
    later = bad.replace('"0.8"', '"1.5"').replace("1g", "2g")
    new = revert({STACK: later.encode()}, of_state(STATE, bad))
    assert new == {STACK: later.replace("300m", "256m").encode()}


def test_a_key_that_the_commit_added_is_taken_out_and_one_it_removed_comes_back() -> None:
    bad = STATE.replace('      MAX_RISK_FACTOR: "1.8"   # risks above it are not insured\n', '      A: "1"\n')
    later = bad.replace("256m", "512m")
    new = revert({STACK: later.encode()}, of_state(STATE, bad))[STACK]
    assert new is not None
    assert stack_diff(STATE, new) == stack_diff(STATE, STATE.replace("256m", "512m"))


def test_a_commit_whose_keys_all_have_later_values_is_not_reverted() -> None:
    with pytest.raises(Refused, match="nothing that commit cccccccccccc changed"):
        revert({STACK: BAD.replace('"0.8"', '"1.5"').encode()}, of_state(STATE, BAD))


def test_what_was_reverted_already_is_not_reverted_again() -> None:
    with pytest.raises(Refused, match="nothing"):
        revert({STACK: STATE.encode()}, of_state(STATE, BAD))


def test_later_lines_of_a_program_survive() -> None:
    bad = CODE.replace(b"LIMIT = 1.8", b"LIMIT = 0.8")
    later = bad.replace(b"base * factor", b"round(base * factor, 2)")
    assert revert({SOURCE: later}, of_code(CODE, bad)) == {SOURCE: later.replace(b"0.8", b"1.8")}


def test_a_program_whose_lines_were_changed_again_is_refused_by_name() -> None:
    bad = CODE.replace(b"LIMIT = 1.8", b"LIMIT = 0.8")
    with pytest.raises(Refused, match=f"{SOURCE} cannot be reverted by itself: lines 3 to 3"):
        revert({SOURCE: bad.replace(b"0.8", b"0.9")}, of_code(CODE, bad))


def test_a_file_that_the_commit_made_goes_and_one_that_it_removed_comes_back() -> None:
    assert revert({SOURCE: CODE}, of_code(None, CODE)) == {SOURCE: None}
    assert revert({}, of_code(CODE, None)) == {SOURCE: CODE}


def test_a_made_file_that_was_changed_since_is_refused() -> None:
    with pytest.raises(Refused, match="as a whole"):
        revert({SOURCE: CODE + b"X = 1\n"}, of_code(None, CODE))


def test_only_the_named_paths_are_reverted() -> None:
    bad_code = CODE.replace(b"LIMIT = 1.8", b"LIMIT = 0.8")
    base = {STACK: BAD.encode(), SOURCE: bad_code}
    new = revert(base, of_state(STATE, BAD), of_code(CODE, bad_code), paths=(STACK,))
    assert new == {STACK: STATE.encode()}


def test_a_path_that_the_commit_did_not_change_is_refused() -> None:
    with pytest.raises(Refused, match="did not change protected"):
        revert({STACK: BAD.encode()}, of_state(STATE, BAD), paths=(SOURCE,))


@pytest.mark.parametrize(
    "done",
    [
        FileChange(SOURCE, "120000", CODE, b"/etc/passwd", was="100644"),
        FileChange(SOURCE, "160000", None, b"a" * 40),
        FileChange(SOURCE, "100755", CODE, CODE + b"X = 1\n", was="100644"),
    ],
)
def test_links_submodules_and_modes_are_left_to_a_person(done: FileChange) -> None:
    with pytest.raises(Refused, match="ordinary"):
        revert({SOURCE: done.after or b""}, done)


def test_a_state_that_cannot_be_read_any_more_is_refused() -> None:
    with pytest.raises(Refused, match="cannot be read: line 1"):
        revert({STACK: b"services: []\n"}, of_state(STATE, BAD))


def test_a_broken_state_is_set_back_where_nothing_came_later() -> None:
    broken = STATE + "  - x\n"
    assert revert({STACK: broken.encode()}, of_state(STATE, broken)) == {STACK: STATE.encode()}


@settings(max_examples=30)
@given(states(), st.data())
def test_a_revert_sets_back_the_commits_keys_and_never_another(text: str, data: st.DataObject) -> None:
    def other(of: str) -> str:
        found = of
        for old, new in data.draw(st.lists(st.sampled_from(SWAPS), max_size=3)):
            found = found.replace(old, new)
        return found

    bad = other(text)
    later = other(bad)
    assume(stack_diff(text, bad))
    levers = {
        (name, key): value for name, s in parse_stack(later).services.items() for key, value in s.levers().items()
    }
    try:
        new = revert({STACK: later.encode()}, of_state(text, bad))[STACK]
    except Refused:
        assert all(levers.get((c.service, c.key)) != c.after for c in stack_diff(text, bad))
        return
    assert new is not None
    for change in stack_diff(later, new):
        assert change.inverse() in stack_diff(text, bad)


SWAPS = (("192m", "64m"), ("64m", "192m"), ('"on"', '"off"'), ("'off'", "'on'"), ("replicas: 1", "replicas: 3"))


def test_the_swaps_keep_a_state_readable() -> None:
    for old, new in SWAPS:
        try:
            parse_stack(STATE.replace(old, new))
        except BadStack:
            pytest.fail(f"{old} to {new}")
