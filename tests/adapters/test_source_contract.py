"""What Source and Pulls promise, on the twin and on the adapter against a forge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.adapters.github.pulls import GitHubPulls
from shared.adapters.github.source import GitHubSource
from shared.adapters.github.wire import Wire
from shared.gitops.diff import File, FileChange
from shared.ports import Permanent, Transient
from shared.source import NewCommit, Pull
from shared.testing.clock import VirtualClock
from shared.testing.source import Fault, MemoryForge
from tests.adapters.github_world import AMPLE, ForgeProcess
from tests.adapters.source_world import AT, BEGUN, SourceWorld, in_memory, over_rest


@pytest.fixture(params=["twin", "forge"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> SourceWorld:
    return in_memory() if request.param == "twin" else over_rest(request.getfixturevalue("forge"), tmp_path)


def proposed(world: SourceWorld, content: bytes = b"changed\n") -> tuple[str, Pull]:
    sha = world.pulls.branch(world.branch(), world.commit({"a.txt": content}))
    return sha, world.pulls.propose(world.branch(), "Change a", "because", ("sre-auto-fix",))


def test_the_head_is_the_newest_commit_of_the_default_branch_and_names_its_parent(world: SourceWorld) -> None:
    assert world.source.head() == world.head
    sha = world.push({"a.txt": b"new\n"}, "Change a\n\nBecause.")
    assert world.source.head() == sha
    commit = world.source.commit(sha)
    assert (commit.sha, commit.parents, commit.message) == (sha, (world.head,), "Change a\n\nBecause.")
    assert commit.paths == (world.path("a.txt"),)


def test_a_commit_that_never_was_is_refused_for_good(world: SourceWorld) -> None:
    with pytest.raises(Permanent):
        world.source.commit("0" * 40)
    with pytest.raises(Permanent):
        world.source.difference(world.head, "0" * 40)


def test_a_difference_is_every_file_that_came_went_or_changed_with_its_modes(world: SourceWorld) -> None:
    after = world.push(
        {
            "a.txt": b"uno\n",
            "new.txt": b"new\n",
            "gone.txt": None,
            "run.sh": File(b"#!/bin/sh\n", "100644"),
            "link": File(b"a.txt", "120000"),
        }
    )
    assert world.source.difference(world.head, after) == (
        FileChange(world.path("a.txt"), "100644", b"one\ntwo\nthree\nfour\nfive\nsix\n", b"uno\n"),
        FileChange(world.path("gone.txt"), "100644", b"old\n", None),
        FileChange(world.path("link"), "120000", None, b"a.txt"),
        FileChange(world.path("new.txt"), "100644", None, b"new\n"),
        FileChange(world.path("run.sh"), "100644", b"#!/bin/sh\n", b"#!/bin/sh\n", was="100755"),
    )


def test_a_renamed_file_goes_at_one_path_and_comes_at_another(world: SourceWorld) -> None:
    after = world.push({"gone.txt": None, "there.txt": b"old\n"})
    found = world.source.difference(world.head, after)
    assert [(f.path, f.before, f.after) for f in found] == [
        (world.path("gone.txt"), b"old\n", None),
        (world.path("there.txt"), None, b"old\n"),
    ]


def test_nothing_differs_from_itself_and_too_much_is_not_read(world: SourceWorld) -> None:
    assert world.source.difference(world.head, world.head) == ()
    after = world.push({f"many/{n}.txt": b"x\n" for n in range(61)})
    with pytest.raises(Permanent, match="61 files"):
        world.source.difference(world.head, after)


def test_the_default_branch_has_a_name_and_every_file_of_a_commit_a_path(world: SourceWorld) -> None:
    assert world.source.default_branch() == "main"
    assert {path for path in world.source.paths(world.head) if path.startswith(f"{world.root}/")} == {
        world.path(name) for name in BEGUN
    }


def test_only_the_named_files_that_are_there_are_read(world: SourceWorld) -> None:
    paths = tuple(world.path(name) for name in ("a.txt", "run.sh", "nowhere.txt"))
    found = world.source.files(world.head, paths)
    a, run = BEGUN["a.txt"], BEGUN["run.sh"]
    assert isinstance(a, bytes)
    assert dict(found) == {world.path("a.txt"): File(a), world.path("run.sh"): run}


def test_the_newest_status_of_each_context_counts_and_when_its_first_was_said(world: SourceWorld) -> None:
    assert world.source.statuses(world.head) == ()
    world.developer.say(world.head, "sre-space/deploy", "pending", "deploying")
    world.pulls.status(world.head, "sre-space/reproduction", "failure", "x" * 300)
    world.developer.say(world.head, "sre-space/deploy", "success", "it runs")
    found = {s.context: s for s in world.source.statuses(world.head)}
    deploy, proof = found["sre-space/deploy"], found["sre-space/reproduction"]
    assert (deploy.state, deploy.description, deploy.by) == ("success", "it runs", "operator")
    assert deploy.since is not None
    assert deploy.since <= deploy.at
    assert (proof.state, len(proof.description), proof.by) == ("failure", 140, "fleet-bot")


def test_the_same_commit_on_the_same_branch_is_one_commit(world: SourceWorld) -> None:
    assert world.source.branch_head(world.branch()) is None
    new = world.commit({"a.txt": b"changed\n", "gone.txt": None, "more/b.txt": b"b\n"})
    first, second = (world.pulls.branch(world.branch(), new) for _ in range(2))
    assert first == second == world.source.branch_head(world.branch())
    assert world.source.commit(first).parents == (world.head,)
    assert {f.path.removeprefix(f"{world.root}/"): f.after for f in world.source.difference(world.head, first)} == {
        "a.txt": b"changed\n",
        "gone.txt": None,
        "more/b.txt": b"b\n",
    }


def test_a_commit_keeps_the_modes_of_its_files(world: SourceWorld) -> None:
    sha = world.pulls.branch(world.branch(), world.commit({"run.sh": b"#!/bin/sh\necho\n"}))
    assert world.source.files(sha, (world.path("run.sh"),))[world.path("run.sh")].mode == "100755"


def test_a_branch_that_is_there_with_another_commit_is_refused_for_good(world: SourceWorld) -> None:
    sha = world.pulls.branch(world.branch(), world.commit({"a.txt": b"changed\n"}))
    with pytest.raises(Permanent, match="another commit"):
        world.pulls.branch(world.branch(), world.commit({"a.txt": b"otherwise\n"}))
    assert world.source.branch_head(world.branch()) == sha


def test_a_commit_that_would_change_nothing_is_refused(world: SourceWorld) -> None:
    with pytest.raises(Permanent, match="nothing"):
        world.pulls.branch(world.branch(), world.commit({"gone.txt": b"old\n"}))


def test_proposing_twice_is_one_pull_request(world: SourceWorld) -> None:
    sha, pull = proposed(world)
    again = world.pulls.propose(world.branch(), "Another title", "other words", ("sre-auto-fix",))
    assert again.number == pull.number
    assert world.source.pulls_of(world.branch()) == (again,)
    assert (again.title, again.body, again.author, again.branch) == ("Change a", "because", "fleet-bot", world.branch())
    assert (again.head_sha, again.open, again.merged, again.merged_by) == (sha, True, False, None)
    assert world.source.pull(pull.number) == again


def test_no_pull_request_without_a_branch_or_a_commit(world: SourceWorld) -> None:
    with pytest.raises(Permanent):
        world.pulls.propose(world.branch("nothing"), "t", "b", ())
    assert world.source.pulls_of(world.branch("nothing")) == ()
    with pytest.raises(Permanent):
        world.source.pull(999_999)


def test_a_merge_is_done_once_at_the_head_that_was_named(world: SourceWorld) -> None:
    sha, pull = proposed(world)
    merged = world.pulls.merge(pull.number, sha)
    again = world.pulls.merge(pull.number, sha)
    assert merged == again
    assert (merged.open, merged.merged, merged.merged_by, merged.head_sha) == (False, True, "fleet-bot", sha)
    assert world.source.head() == merged.merge_sha
    assert merged.merge_sha is not None
    assert world.source.commit(merged.merge_sha).parents == (world.head, sha)
    assert [f.path for f in world.source.difference(world.head, merged.merge_sha)] == [world.path("a.txt")]


def test_a_head_that_was_moved_is_not_merged(world: SourceWorld) -> None:
    sha, pull = proposed(world)
    moved = world.push({"a.txt": b"something else\n"}, branch=world.branch())
    assert world.source.pull(pull.number).head_sha == moved
    with pytest.raises(Permanent, match="proved was"):
        world.pulls.merge(pull.number, sha)
    assert not world.source.pull(pull.number).merged
    assert world.source.head() == world.head


def test_what_somebody_merged_at_another_head_is_no_merge_of_the_proved_one(world: SourceWorld) -> None:
    sha, pull = proposed(world)
    world.push({"a.txt": b"something else\n"}, branch=world.branch())
    world.developer.merge(pull.number)
    with pytest.raises(Permanent, match="was merged at"):
        world.pulls.merge(pull.number, sha)


def test_a_merge_that_somebody_else_did_is_found(world: SourceWorld) -> None:
    sha, pull = proposed(world)
    merge = world.developer.merge(pull.number)
    found = world.pulls.merge(pull.number, sha)
    assert (found.merge_sha, found.merged_by) == (merge, "operator")


def test_a_pull_request_that_does_not_apply_any_more_is_not_merged(world: SourceWorld) -> None:
    sha, pull = proposed(world)
    world.push({"a.txt": b"everything is different\n"})
    with pytest.raises(Permanent):
        world.pulls.merge(pull.number, sha)
    assert not world.source.pull(pull.number).merged


def test_a_merge_keeps_what_came_to_the_default_branch_meanwhile(world: SourceWorld) -> None:
    sha, pull = proposed(world, b"one\ntwo\nthree\nfour\nfive\nSIX\n")
    world.push({"a.txt": b"ONE\ntwo\nthree\nfour\nfive\nsix\n", "new.txt": b"n\n"})
    merged = world.pulls.merge(pull.number, sha)
    assert merged.merge_sha is not None
    found = world.source.files(merged.merge_sha, (world.path("a.txt"), world.path("new.txt")))
    assert [f.data for f in found.values()] == [b"ONE\ntwo\nthree\nfour\nfive\nSIX\n", b"n\n"]


def test_it_is_known_whether_a_pull_request_was_ever_closed(world: SourceWorld) -> None:
    _, pull = proposed(world)
    assert not world.source.was_closed(pull.number)
    world.pulls.close_pull(pull.number)
    assert world.source.was_closed(pull.number)
    world.developer.reopen(pull.number)
    assert world.source.pull(pull.number).open
    assert world.source.was_closed(pull.number), "also when it is open again"


def test_closing_twice_is_fine_and_what_is_closed_is_not_merged(world: SourceWorld) -> None:
    sha, pull = proposed(world)
    for _ in range(2):
        world.pulls.close_pull(pull.number)
    found = world.source.pull(pull.number)
    assert (found.open, found.merged) == (False, False)
    assert world.source.pulls_of(world.branch()) == (found,)
    with pytest.raises(Permanent):
        world.pulls.merge(pull.number, sha)


class _Stale(GitHubSource):
    """Lists and pull requests as they were a moment ago, once."""

    def __init__(self, wire: Wire, pull: Pull | None) -> None:
        super().__init__(wire)
        self._old = [pull]

    def pulls_of(self, branch: str) -> tuple[Pull, ...]:
        if self._old and self._old.pop() is None:
            return ()
        return super().pulls_of(branch)

    def pull(self, number: int) -> Pull:
        return (self._old.pop() if self._old else None) or super().pull(number)


def test_a_pull_request_that_another_process_opened_meanwhile_is_found(forge: ForgeProcess, tmp_path: Path) -> None:
    world = over_rest(forge, tmp_path)
    _, pull = proposed(world)
    github = forge.connect("fleet-bot", tmp_path, windows=AMPLE)
    late = GitHubPulls(github.wire, _Stale(github.wire, None), github.budget)
    assert late.propose(world.branch(), "Change a", "because", ()).number == pull.number


def test_a_merge_that_another_process_did_meanwhile_is_found(forge: ForgeProcess, tmp_path: Path) -> None:
    world = over_rest(forge, tmp_path)
    sha, pull = proposed(world)
    github = forge.connect("fleet-bot", tmp_path, windows=AMPLE)
    late = GitHubPulls(github.wire, _Stale(github.wire, pull), github.budget)
    merged = world.pulls.merge(pull.number, sha)
    assert late.merge(pull.number, sha) == merged


@pytest.mark.parametrize("fault", ["refused", "answer-lost"])
def test_after_a_fault_of_the_twin_the_same_call_finds_or_does_it(fault: Fault) -> None:
    forge = MemoryForge(VirtualClock(), {"a.txt": b"a\n"})
    account = forge.account("fleet-bot")
    new = NewCommit(account.head(), {"a.txt": b"b\n"}, "Change a", AT)
    calls: list[Callable[[], object]] = [
        lambda: account.branch("fix", new),
        lambda: account.propose("fix", "t", "b", ()),
        lambda: account.merge(forge.pulls[0].number, forge.branches["fix"]),
    ]
    for call in calls:
        forge.fail_next(fault)
        with pytest.raises(Transient):
            call()
        call()
    assert (len(forge.pulls), forge.merges(), [w.what for w in forge.writes].count("open-pull")) == (1, 1, 1)
