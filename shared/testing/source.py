"""A git repository with pull requests in memory: the twin of Source, Pulls and History, with a bad day's faults.

A SHA is made of what it names, so the same NewCommit is the same commit. A merge is by git's rules: file by file, lines
where both sides changed one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from shared.gitops.diff import File, FileChange, Tree, tree_diff, with_files
from shared.gitops.merge import Conflict, merged
from shared.ports import Commit, Permanent, Transient
from shared.source import CommitStatus, NewCommit, Pull, StatusState
from shared.testing.clock import VirtualClock

MAIN: Final = "main"
MOST_FILES: Final = 60
"""Files of one difference that are read, as by the adapter."""
Fault = Literal["refused", "answer-lost"]
"""What befalls the next write: `refused` it never arrives; `answer-lost` it is done, but nobody can say so."""
Content = bytes | File | None
"""Of a file that somebody pushes; None takes it away."""


@dataclass(frozen=True, slots=True)
class Write:
    """A write that took place: `what` it was, on which branch, commit or pull request."""

    what: str
    about: str
    login: str


@dataclass(slots=True)
class _Pull:
    number: int
    title: str
    body: str
    author: str
    branch: str
    base_sha: str
    head_sha: str
    open: bool = True
    was_closed: bool = False
    merge_sha: str | None = None
    merged_by: str | None = None
    labels: list[str] = field(default_factory=list)


class MemoryForge:
    """All of one repository. `step(point)` is called before and after each write: tests interleave and crash there."""

    def __init__(
        self,
        clock: VirtualClock,
        files: Mapping[str, bytes | File],
        *,
        repo: str = "acme/market",
        first_pull: int = 1001,
        step: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`files` are those of the first commit; pull requests are numbered from `first_pull` on."""
        self.clock = clock
        self.repo = repo
        self.step = step
        self.writes: list[Write] = []
        self.branches: dict[str, str] = {}
        self.labels: dict[int, list[str]] = {}
        self._first_pull = first_pull
        self._trees: dict[str, Tree] = {}
        self._commits: dict[str, Commit] = {}
        self._pulls: dict[int, _Pull] = {}
        self._statuses: list[tuple[str, CommitStatus]] = []
        self._faults: list[Fault] = []
        self._down: str | None = None
        tree = {path: _file(data) for path, data in files.items()}
        self.branches[MAIN] = self.record(tree, (), "Begin", "alice", clock.now())

    def account(self, login: str) -> MemorySource:
        """The repository as `login` sees and changes it."""
        return MemorySource(self, login)

    # what a test does to the world

    def fail_next(self, *faults: Fault) -> None:
        """What befalls the next writes, in order."""
        self._faults += faults

    def down(self, reason: str | None = "cannot reach GitHub") -> None:
        """Every call fails as Transient until `down(None)`."""
        self._down = reason

    def push(self, files: Mapping[str, Content], message: str, *, login: str = "alice", branch: str = MAIN) -> str:
        """Somebody commits to a branch; the commit. A pull request from the branch moves along."""
        head = self.branches[branch]
        tree = dict(self._trees[head])
        for path, content in files.items():
            if content is None:
                tree.pop(path)
            else:
                tree[path] = _file(content)
        sha = self.record(tree, (head,), message, login, self.clock.now())
        self._point(branch, sha)
        return sha

    def merge_as(self, login: str, number: int) -> str:
        """Somebody merges a pull request on the web page, as it stands; the merge commit."""
        pull = self._pulls[number]
        ours, theirs = self.branches[MAIN], pull.head_sha
        tree = self._merged(ours, theirs)
        message = f"Merge pull request #{number} from {pull.branch}\n\n{pull.title}"
        pull.merge_sha = self.record(tree, (ours, theirs), message, login, self.clock.now())
        pull.merged_by, pull.open, pull.was_closed = login, False, True
        self._point(MAIN, pull.merge_sha)
        return pull.merge_sha

    def close_as(self, number: int) -> None:
        """Somebody closes a pull request unmerged."""
        self._pulls[number].open = False
        self._pulls[number].was_closed = True

    def reopen_as(self, number: int) -> None:
        """Somebody opens a closed pull request again."""
        self._pulls[number].open = True

    def was_closed(self, number: int) -> bool:
        self.shown(number)
        return self._pulls[number].was_closed

    def say_status(self, sha: str, context: str, state: StatusState, description: str, login: str = "deployer") -> None:
        """Somebody says a status on a commit."""
        at = self.clock.now().replace(microsecond=0)
        self._statuses.append((sha, CommitStatus(context, state, description, at, login)))

    @property
    def pulls(self) -> tuple[Pull, ...]:
        """All pull requests, oldest first."""
        return tuple(self.shown(number) for number in self._pulls)

    def tree(self, sha: str) -> Tree:
        """The files of a commit. Raises Permanent where there is none."""
        if sha not in self._trees:
            raise Permanent(f"commit {sha[:10]}: GitHub answered 404 Not Found")
        return self._trees[sha]

    def merges(self) -> int:
        """How many merge commits the default branch has."""
        return sum(len(self._commits[sha].parents) > 1 for sha in self.ancestors(self.branches[MAIN]))

    # for the accounts

    def answer(self) -> None:
        """Every call begins here."""
        if self._down is not None:
            raise Transient(self._down)

    def write(self, what: str, about: str, login: str, effect: Callable[[], None]) -> None:
        """Do one write, unless a fault stands in its way."""
        self.answer()
        self.step(f"before-{what}")
        fault = self._faults.pop(0) if self._faults else None
        if fault == "refused":
            raise Transient("GitHub answered 502")
        effect()
        self.writes.append(Write(what, about, login))
        self.step(f"after-{what}")
        if fault == "answer-lost":
            raise Transient("it is unknown whether the write was done", retry_after=5.0)

    def record(self, tree: Tree, parents: tuple[str, ...], message: str, author: str, at: datetime) -> str:
        """Keep a commit; its SHA is made of all that is given. Stamps have whole seconds."""
        at = at.replace(microsecond=0)
        files = [f"{path} {f.mode} {hashlib.sha256(f.data).hexdigest()}" for path, f in sorted(tree.items())]
        text = "\n".join((*files, *parents, message, author, at.isoformat()))
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        before = self._trees[parents[0]] if parents else {}
        paths = tuple(change.path for change in tree_diff(before, tree))
        url = f"https://github.invalid/{self.repo}/commit/{sha}"
        self._trees[sha] = dict(tree)
        self._commits[sha] = Commit(sha, author, message, at, url, paths, parents)
        return sha

    def commit(self, sha: str) -> Commit:
        self.tree(sha)
        return self._commits[sha]

    def ancestors(self, sha: str) -> dict[str, None]:
        """`sha` and all that it stands on, nearest first."""
        found, frontier = {sha: None}, [sha]
        for one in frontier:
            for parent in self._commits[one].parents:
                if parent not in found:
                    found[parent] = None
                    frontier.append(parent)
        return found

    def statuses(self, sha: str) -> tuple[CommitStatus, ...]:
        newest: dict[str, CommitStatus] = {}
        for about, status in self._statuses:
            if about == sha:
                first = newest.get(status.context, status)
                newest[status.context] = replace(status, since=first.since or first.at)
        return tuple(newest.values())

    def shown(self, number: int) -> Pull:
        p = self._pulls.get(number)
        if p is None:
            raise Permanent(f"pull request {number}: GitHub answered 404 Not Found")
        link = f"https://github.invalid/{self.repo}/pull/{number}"
        return Pull(
            number, link, p.title, p.body, p.author, p.branch, p.base_sha, p.head_sha, p.open, p.merge_sha, p.merged_by
        )

    def new_pull(self, branch: str, title: str, body: str, login: str) -> None:
        if branch not in self.branches:
            raise Permanent(f"no pull request for {branch}: there is no such branch")
        base, head = self.branches[MAIN], self.branches[branch]
        if head in self.ancestors(base):
            raise Permanent(f"no pull request for {branch}: No commits between {MAIN} and {branch}")
        number = max(self._pulls, default=self._first_pull - 1) + 1
        self._pulls[number] = _Pull(number, title, body, login, branch, base, head)
        self.labels[number] = self._pulls[number].labels

    def mergeable(self, number: int) -> bool:
        try:
            self._merged(self.branches[MAIN], self._pulls[number].head_sha)
        except Conflict:
            return False
        return True

    def _merged(self, ours: str, theirs: str) -> Tree:
        shared = self.ancestors(theirs)
        base = next(sha for sha in self.ancestors(ours) if sha in shared)
        result = dict(self._trees[ours])
        for change in tree_diff(self._trees[base], self._trees[theirs]):
            old, mine = self._trees[base].get(change.path), self._trees[ours].get(change.path)
            new = self._trees[theirs].get(change.path)
            if mine in (old, new):
                taken = new
            elif old is None or mine is None or new is None:
                raise Conflict(change.path)
            else:
                taken = File(merged(old.data, mine.data, new.data), new.mode)
            if taken is None:
                result.pop(change.path, None)
            else:
                result[change.path] = taken
        return result

    def _point(self, branch: str, sha: str) -> None:
        self.branches[branch] = sha
        for pull in self._pulls.values():
            if pull.branch == branch and pull.open:
                pull.head_sha = sha


class MemorySource:
    """One account's view: stands where GitHubSource and GitHubPulls would, and where GitHubReads tells of commits."""

    def __init__(self, repository: MemoryForge, login: str) -> None:
        self.repository = repository
        self.login = login

    # Source

    def head(self) -> str:
        self.repository.answer()
        return self.repository.branches[MAIN]

    def default_branch(self) -> str:
        self.repository.answer()
        return MAIN

    def branch_head(self, name: str) -> str | None:
        self.repository.answer()
        return self.repository.branches.get(name)

    def commit(self, sha: str) -> Commit:
        self.repository.answer()
        return self.repository.commit(sha)

    def difference(self, before: str, after: str) -> tuple[FileChange, ...]:
        self.repository.answer()
        found = tree_diff(self.repository.tree(before), self.repository.tree(after))
        if len(found) > MOST_FILES:
            raise Permanent(f"{len(found)} files differ between {before[:10]} and {after[:10]}: too many to read")
        return found

    def paths(self, sha: str) -> frozenset[str]:
        self.repository.answer()
        return frozenset(self.repository.tree(sha))

    def files(self, sha: str, paths: tuple[str, ...]) -> Tree:
        self.repository.answer()
        tree = self.repository.tree(sha)
        return {path: tree[path] for path in paths if path in tree}

    def statuses(self, sha: str) -> tuple[CommitStatus, ...]:
        self.repository.answer()
        return self.repository.statuses(sha)

    def pull(self, number: int) -> Pull:
        self.repository.answer()
        return self.repository.shown(number)

    def was_closed(self, number: int) -> bool:
        self.repository.answer()
        return self.repository.was_closed(number)

    def pulls_of(self, branch: str) -> tuple[Pull, ...]:
        self.repository.answer()
        return tuple(reversed([pull for pull in self.repository.pulls if pull.branch == branch]))

    # History

    def commits(self, since: datetime) -> tuple[Commit, ...]:
        self.repository.answer()
        known = (self.repository.commit(sha) for sha in self.repository.ancestors(self.head()))
        return tuple([c for c in known if c.at >= since - timedelta(seconds=1)][:30])

    # Pulls

    def branch(self, name: str, commit: NewCommit) -> str:
        world = self.repository
        world.answer()
        base = world.tree(commit.base)
        tree = with_files(base, commit.files)
        if tree == base:
            raise Permanent("the commit would change nothing")
        sha = world.record(tree, (commit.base,), commit.message, "sre-space", commit.at)

        def effect() -> None:
            if world.branches.setdefault(name, sha) != sha:
                raise Permanent(f"branch {name} is there already with another commit, {world.branches[name][:10]}")

        world.write("create-branch", name, self.login, effect)
        return sha

    def propose(self, branch: str, title: str, body: str, labels: tuple[str, ...]) -> Pull:
        world = self.repository
        if not self.pulls_of(branch):

            def effect() -> None:
                if not self.pulls_of(branch):  # GitHub refuses a second one, and the adapter looks again
                    world.new_pull(branch, title, body, self.login)

            world.write("open-pull", branch, self.login, effect)
        pull = self.pulls_of(branch)[0]
        for label in labels:
            self.add_label(pull.number, label)
        return pull

    def status(self, sha: str, context: str, state: StatusState, description: str) -> None:
        world = self.repository
        world.tree(sha)
        world.write(
            "status", context, self.login, lambda: world.say_status(sha, context, state, description[:140], self.login)
        )

    def merge(self, number: int, head_sha: str) -> Pull:
        world = self.repository
        pull = self.pull(number)
        if not pull.merged:
            self._at_head(pull, head_sha)

            def effect() -> None:
                now = world.shown(number)
                if now.merged:
                    return  # GitHub refuses a second merge, and the adapter looks again
                self._at_head(now, head_sha)
                if not now.open or not world.mergeable(number):
                    raise Permanent(f"merge: GitHub answered 405: pull request {number} is not mergeable")
                world.merge_as(self.login, number)

            world.write("merge", str(number), self.login, effect)
            pull = self.pull(number)
        if pull.head_sha != head_sha:
            raise Permanent(f"pull request {number} was merged at {pull.head_sha[:10]}, proved was {head_sha[:10]}")
        return pull

    def close_pull(self, number: int) -> None:
        self.pull(number)
        self.repository.write("close", str(number), self.login, lambda: self.repository.close_as(number))

    def add_label(self, number: int, label: str) -> None:
        labels = self.repository.labels[number]

        def effect() -> None:
            if label not in labels:
                labels.append(label)

        self.repository.write("add-label", f"{number} {label}", self.login, effect)

    def _at_head(self, pull: Pull, head_sha: str) -> None:
        if pull.head_sha != head_sha:
            raise Permanent(f"pull request {pull.number} is at {pull.head_sha[:10]}, proved was {head_sha[:10]}")


def _file(content: bytes | File) -> File:
    return content if isinstance(content, File) else File(content)
