"""A GitHub repository in memory: the twin of Issues, IssueWriter, People and History, with a bad day's faults.

Like the adapter it shows a process what that process wrote, even while others do not see it yet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal, TypeVar

from shared.incident.card import BEGIN, END, with_card, without_card
from shared.incident.labels import FREEZE, INCIDENT
from shared.incident.thread import Comment, Thread
from shared.ports import Commit, Labelled, Lane, Permanent, Transient
from shared.testing.clock import VirtualClock

Fault = Literal["refused", "answer-lost"]
"""What befalls the next write: `refused` it never arrives; `answer-lost` it is done, but nobody can say so."""
T = TypeVar("T")
_ROLES: Final = ("none", "read", "triage", "write", "maintain", "admin")
MAX_BODY: Final = 60_000


@dataclass(frozen=True, slots=True)
class Write:
    """A write that took place: `what` is the name of the port's method."""

    what: str
    number: int
    login: str
    lane: Lane
    at: float


@dataclass(slots=True)
class _Issue:
    thread: Thread
    born: float
    labelled: list[Labelled] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Said:
    number: int
    comment: Comment
    born: float


class MemoryRepository:
    """All of one repository. `step(point)` is called before and after each write: tests interleave and crash there."""

    def __init__(
        self,
        clock: VirtualClock,
        repo: str = "acme/market",
        *,
        roles: dict[str, str] | None = None,
        latency: float = 0.0,
        step: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`roles`: login -> role name. `latency` (s) passes in virtual time with every call."""
        self.clock = clock
        self.repo = repo
        self.roles = dict(roles if roles is not None else {"fleet-bot": "write"})
        self.latency = latency
        self.step = step
        self.hide_new_for = 0.0
        """Seconds in which new issues and comments are shown to nobody but the account that wrote them."""
        self.writes: list[Write] = []
        self.history: list[Commit] = []
        self._issues: dict[int, _Issue] = {}
        self._said: list[_Said] = []
        self._reactions: set[tuple[int, str, str]] = set()
        self._faults: list[Fault] = []
        self._down: str | None = None
        self._events = 0

    def account(self, login: str) -> MemoryGitHub:
        """The repository as `login` sees and changes it."""
        return MemoryGitHub(self, login)

    def fail_next(self, *faults: Fault) -> None:
        """What befalls the next writes, in order."""
        self._faults += faults

    def down(self, reason: str | None = "cannot reach GitHub") -> None:
        """Every call fails as Transient until `down(None)`."""
        self._down = reason

    def edit_comment(self, comment_id: int, body: str) -> None:
        """Somebody edits a comment; its author stays."""
        self._said = [
            replace(s, comment=replace(s.comment, body=body, updated_at=self.stamp()))
            if s.comment.id == comment_id
            else s
            for s in self._said
        ]

    def delete_comment(self, comment_id: int) -> None:
        self._said = [s for s in self._said if s.comment.id != comment_id]

    def write_body(self, number: int, body: str) -> None:
        """Somebody edits an issue's text on the web page."""
        self._change(number, body=body)

    def reactions(self, comment_id: int) -> frozenset[tuple[str, str]]:
        """(login, content) of a comment."""
        return frozenset((login, content) for cid, login, content in self._reactions if cid == comment_id)

    # for the accounts

    def stamp(self) -> datetime:
        """GitHub's times have whole seconds."""
        return self.clock.now().replace(microsecond=0)

    def answer(self) -> None:
        """Every call begins here."""
        self.clock.advance(self.latency)
        if self._down is not None:
            raise Transient(self._down)

    def read(self, number: int, reader: str) -> Thread:
        found = self._issues.get(number)
        if found is None or not self._visible(found.born, found.thread.author, reader):
            raise Permanent(f"issue {number}: GitHub answered 404 Not Found")
        comments = tuple(
            s.comment for s in self._said if s.number == number and self._visible(s.born, s.comment.author, reader)
        )
        return replace(found.thread, comments=comments)

    def all(self, reader: str) -> tuple[Thread, ...]:
        """Without comments, lowest number first."""
        return tuple(i.thread for i in self._issues.values() if self._visible(i.born, i.thread.author, reader))

    def labelled(self, number: int) -> tuple[Labelled, ...]:
        return tuple(self._issues[number].labelled) if number in self._issues else ()

    def write(self, what: str, number: int, login: str, lane: Lane, role: str, effect: Callable[[], T]) -> T:
        """Do one write as `login`, who needs `role`."""
        self.answer()
        if _ROLES.index(self.roles.get(login, "read")) < _ROLES.index(role):
            raise Permanent(f"{what}: GitHub answered 403: {login} needs the role {role}")
        if number and number not in self._issues:
            raise Permanent(f"{what}: GitHub answered 404 Not Found: issue {number}")
        fault = self._faults.pop(0) if self._faults else None
        self.step(f"before-{what}")
        if fault == "refused":
            raise Transient("GitHub answered 502")
        result = effect()
        self.writes.append(Write(what, number, login, lane, self.clock.monotonic()))
        self.step(f"after-{what}")
        if fault == "answer-lost":
            raise Transient("it is unknown whether the write was done", retry_after=5.0)
        return result

    def open(self, title: str, body: str, login: str) -> Thread:
        number = max(self._issues, default=0) + 1
        now = self.stamp()
        url = f"https://github.invalid/{self.repo}/issues/{number}"
        thread = Thread(self.repo, number, title, login, body, now, now, False, frozenset(), (), url)
        self._issues[number] = _Issue(thread, self.clock.monotonic())
        return thread

    def say(self, number: int, body: str, login: str) -> Comment:
        now = self.stamp()
        comment = Comment(max((s.comment.id for s in self._said), default=1000) + 1, login, body, now, now)
        self._said.append(_Said(number, comment, self.clock.monotonic()))
        self._change(number)
        return comment

    def turn(self, number: int, *, closed: bool) -> None:
        if self._issues[number].thread.closed is not closed:
            self._change(number, closed=closed)

    def label(self, number: int, label: str, login: str, *, present: bool) -> None:
        issue = self._issues[number]
        if (label in issue.thread.labels) is present:
            return
        issue.thread = replace(issue.thread, labels=issue.thread.labels ^ {label})
        if present:
            self._events += 1
            issue.labelled.append(Labelled(self._events, label, login, self.stamp()))

    def react(self, comment_id: int, login: str, content: str) -> None:
        if all(s.comment.id != comment_id for s in self._said):
            raise Permanent(f"react: GitHub answered 404 Not Found: comment {comment_id}")
        self._reactions.add((comment_id, login, content))

    def _change(self, number: int, **fields: object) -> None:
        issue = self._issues[number]
        issue.thread = replace(issue.thread, updated_at=self.stamp(), **fields)  # type: ignore[arg-type]

    def _visible(self, born: float, author: str, reader: str) -> bool:
        return author == reader or self.clock.monotonic() - born >= self.hide_new_for


class MemoryGitHub:
    """One account's view: stands where `shared.adapters.github.GitHub` would."""

    def __init__(self, repository: MemoryRepository, login: str) -> None:
        self.repository = repository
        self.login = login

    @property
    def reads(self) -> MemoryGitHub:
        return self

    @property
    def writes(self) -> MemoryGitHub:
        return self

    # Issues

    def thread(self, number: int) -> Thread:
        self.repository.answer()
        return self.repository.read(number, self.login)

    def snapshot(self, number: int) -> tuple[Thread, bool]:
        self.repository.answer()
        return self.repository.read(number, self.login), self._frozen()

    def incidents(self, *, state: Literal["open", "all"] = "open", since: datetime | None = None) -> tuple[Thread, ...]:
        self.repository.answer()
        earliest = since.replace(microsecond=0) if since else None
        return tuple(
            t
            for t in self.repository.all(self.login)
            if INCIDENT in t.labels
            and (state == "all" or not t.closed)
            and (earliest is None or t.updated_at >= earliest)
        )

    def frozen(self) -> bool:
        self.repository.answer()
        return self._frozen()

    def now(self) -> datetime:
        return self.repository.clock.now()

    # IssueWriter

    def open_issue(self, title: str, body: str, labels: tuple[str, ...]) -> Thread:
        _check(body)
        repository = self.repository

        def effect() -> Thread:
            thread = repository.open(title, body, self.login)
            if _may(repository.roles.get(self.login, "read"), "triage"):
                for label in labels:
                    repository.label(thread.number, label, self.login, present=True)
            return thread

        number = repository.write("open_issue", 0, self.login, "result", "read", effect).number
        thread = repository.read(number, self.login)
        for label in labels:
            if label not in thread.labels:
                self.add_label(number, label)
        return repository.read(number, self.login)

    def comment(self, number: int, body: str, lane: Lane = "result") -> Comment:
        _check(body)
        say = lambda: self.repository.say(number, body, self.login)  # noqa: E731
        return self.repository.write("comment", number, self.login, lane, "read", say)

    def edit_body(self, number: int, body: str) -> None:
        _check(body)
        now = self.thread(number).body
        if without_card(now).strip() != without_card(body).strip():
            _, begin, rest = body.partition(BEGIN)
            if not begin:
                raise Permanent("the issue's body was edited by somebody else; it is not overwritten")
            body = with_card(now, rest.partition(END)[0])
        if body != now:
            edit = lambda: self.repository.write_body(number, body)  # noqa: E731
            self.repository.write("edit_body", number, self.login, "cosmetic", "read", edit)

    def add_label(self, number: int, label: str) -> None:
        self._label("add_label", number, label, present=True)

    def remove_label(self, number: int, label: str) -> None:
        self._label("remove_label", number, label, present=False)

    def close(self, number: int) -> None:
        turn = lambda: self.repository.turn(number, closed=True)  # noqa: E731
        self.repository.write("close", number, self.login, "result", "triage", turn)

    def reopen(self, number: int) -> None:
        turn = lambda: self.repository.turn(number, closed=False)  # noqa: E731
        self.repository.write("reopen", number, self.login, "result", "triage", turn)

    def react(self, comment_id: int, content: Literal["eyes", "rocket", "confused"]) -> None:
        react = lambda: self.repository.react(comment_id, self.login, content)  # noqa: E731
        self.repository.write("react", 0, self.login, "status", "read", react)

    # People

    def permission(self, login: str) -> str:
        self.repository.answer()
        return self.repository.roles.get(login, "none")

    def labelled(self, number: int) -> tuple[Labelled, ...]:
        self.repository.answer()
        return self.repository.labelled(number)

    # History

    def commits(self, since: datetime) -> tuple[Commit, ...]:
        self.repository.answer()
        found = [commit for commit in self.repository.history if commit.at >= since - timedelta(seconds=1)]
        return tuple(sorted(found, key=lambda commit: commit.at, reverse=True)[:30])

    # inside

    def _label(self, what: str, number: int, label: str, *, present: bool) -> None:
        change = lambda: self.repository.label(number, label, self.login, present=present)  # noqa: E731
        self.repository.write(what, number, self.login, "status", "triage", change)

    def _frozen(self) -> bool:
        return any(FREEZE in t.labels and not t.closed for t in self.repository.all(self.login))


def _check(body: str) -> None:
    if len(body) > MAX_BODY:
        raise ValueError(f"a body of {len(body)} characters is longer than {MAX_BODY}")


def _may(role: str, needed: str) -> bool:
    return _ROLES.index(role) >= _ROLES.index(needed)
