"""One deploy: from a commit to containers that run it, and its outcome on the commit.

Killed at any point, the next one finishes: what is to be done is read from the engine, what was being done from the
journal. Nothing is rolled back; a deploy that does not become healthy is said, and left as it is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, Protocol

from mission_control.deployer.journal import Journal, one_at_a_time, read_journal
from mission_control.deployer.plan import Plan
from mission_control.deployer.release import BadRelease, NoRelease, Release, Releases
from mission_control.deployer.report import one_line, pay, post
from mission_control.github import Repository
from shared.redaction import Redactor

log = logging.getLogger("mission_control.deployer")

HEALTHY_WITHIN: Final = 40.0
"""Seconds that containers made anew may take to be healthy."""
LOCKED_WITHIN: Final = 120.0
LOOK_EVERY: Final = 0.1
NEWER_EVERY: Final = 1.0
"""Seconds between two questions for a newer commit while health is waited for."""
_ENDED: Final = ("exited", "out of memory", "gone")


State = Literal["success", "failure", "superseded", "stopped"]


class NotMade(Exception):
    """This container cannot be made as it is described; the message says why."""


class Host(Protocol):
    """Where containers run: an engine of local processes, or a host with docker compose."""

    address: str

    def plan(self, release: Release, *, waking: bool) -> Plan:
        """What is to be done. Raises BadRelease for what cannot be had here."""
        ...

    def make(self, release: Release, name: str) -> None:
        """Put the container of this release in place of the one of its name. Raises NotMade."""
        ...

    def begin(self, name: str) -> None: ...
    def health(self, name: str) -> str: ...
    def last_line(self, name: str) -> str: ...
    def in_use(self) -> frozenset[str]:
        """The releases whose files are run."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went. `state`: success, failure, superseded (a newer commit came first) or stopped (asked to)."""

    sha: str
    state: State
    text: str
    touched: tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        return self.state in ("success", "failure")


@dataclass(slots=True)
class Deployer:
    """Deploys one repository to one host. `repository` None: nothing is said anywhere."""

    host: Host
    releases: Releases
    repository: Repository | None
    folder: Path
    redactor: Redactor
    stopped: Callable[[], bool] = lambda: False
    tick: Callable[[], None] = lambda: None
    """Called while waiting, by who has other things to look after."""
    healthy_within: float = HEALTHY_WITHIN
    _file: Path = field(init=False)

    def __post_init__(self) -> None:
        self._file = self.folder / "journal.json"

    @property
    def journal(self) -> Journal:
        return read_journal(self._file)

    def deploy(self, sha: str, newer: Callable[[], bool] = lambda: False, *, waking: bool = False) -> Outcome:
        """Make what runs what `sha` says, and say how it went. `newer`: whether another commit is wanted by now.

        Raises GitSaysNo, docker.errors.DockerException or Busy; then nothing is finished and it can be tried again.
        """
        with one_at_a_time(self.host.address, LOCKED_WITHIN, self.stopped):
            began = time.monotonic()
            try:
                release = self.releases.make(sha)
                todo = self.host.plan(release, waking=waking)
            except NoRelease:
                raise
            except BadRelease as bad:
                return self._settle(Outcome(sha, "failure", f"not deployed: {bad}"))
            return self._apply(release, todo, began, newer)

    def pay(self) -> None:
        """Say what could not be said before."""
        before = self.journal
        if before.owed and (owed := pay(self.repository, before)) != before.owed:
            replace(before, owed=owed).write(self._file)

    def _apply(self, release: Release, todo: Plan, began: float, newer: Callable[[], bool]) -> Outcome:
        before = self.journal
        resumed = () if before.finished else before.touched  # also by a deploy that this one overtook
        if before.sha == release.sha and before.finished and not todo.recreate:
            self._start(release, todo)
            return self._health(release, todo.begin, began, newer)
        touched = tuple(dict.fromkeys((*resumed, *todo.recreate)))
        replace(before, sha=release.sha, finished=False, touched=touched).write(self._file)
        if self.repository is not None and touched:
            post(self.repository, release.sha, "pending", one_line(f"deploying {', '.join(touched)}", self.redactor))
        try:
            self._start(release, todo)
        except NotMade as no:
            return self._settle(Outcome(release.sha, "failure", f"not made: {no}", touched))
        outcome = self._health(release, (*touched, *todo.begin), began, newer)
        self.releases.prune(self.host.in_use() | {release.sha})
        return self._settle(replace(outcome, touched=touched)) if outcome.final else outcome

    def _start(self, release: Release, todo: Plan) -> None:
        for name in todo.recreate:
            self.host.make(release, name)
            log.info("%s: deployed from %s", name, release.sha[:10])
            self.tick()
        for name in todo.begin:
            self.host.begin(name)

    def _health(self, release: Release, names: tuple[str, ...], began: float, newer: Callable[[], bool]) -> Outcome:
        """Wait until all of these are healthy, one has ended, the time is up, or it does not matter any more."""
        deadline, ask_at = time.monotonic() + self.healthy_within, time.monotonic() + NEWER_EVERY
        while True:
            ailing = {name: health for name in names if (health := self.host.health(name)) != "healthy"}
            took = time.monotonic() - began
            if not ailing:
                text = f"{', '.join(names)} healthy after {took:.1f} s" if names else "changes no service"
                return Outcome(release.sha, "success", text)
            ended = {name: health for name, health in ailing.items() if health.startswith(_ENDED)}
            if ended or time.monotonic() > deadline:
                name, health = next(iter((ended or ailing).items()))
                others = f" (and {len(ailing) - 1} more)" if len(ailing) > 1 else ""
                text = f"{name} {health}{others} after {took:.1f} s: {self.host.last_line(name)}"
                return Outcome(release.sha, "failure", text)
            if self.stopped():
                return Outcome(release.sha, "stopped", "stopped before it was healthy")
            if time.monotonic() > ask_at:
                if newer():
                    return Outcome(release.sha, "superseded", "a newer commit came before it was healthy")
                ask_at = time.monotonic() + NEWER_EVERY
            self.tick()
            time.sleep(LOOK_EVERY)

    def _settle(self, outcome: Outcome) -> Outcome:
        """Write the outcome down and say it, on the commits that came in with this one too."""
        before = self.journal
        text = one_line(outcome.text, self.redactor)
        owed = [*before.owed, (outcome.sha, outcome.state, text)]
        for sha in self.releases.between(before.settled, outcome.sha):
            owed.append((sha, outcome.state, one_line(f"with {outcome.sha[:10]}: {text}", self.redactor)))
        Journal(outcome.sha, True, (), outcome.sha, tuple(owed)).write(self._file)
        log.info("%s: %s: %s", outcome.sha[:10], outcome.state, text)
        self.pay()
        return replace(outcome, text=text)
