"""Opens the pull requests of Memory's papers, each once: GitHub is asked what stands, nothing is kept here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from agents.memory.papers import Paper, wanted
from shared import crashpoints
from shared.gitops.titles import check_body, check_title
from shared.incident.labels import MEMORY
from shared.incident.replay import Incident
from shared.policy.model import Policy
from shared.ports import Permanent
from shared.source import NewCommit, Pull, Pulls, Source

SIGNED: Final = "From signed facts, by Memory."
"""How the message of each of its commits ends."""
MOST_AT_ONCE: Final = 3
"""Pull requests that one round opens: the write budget is for incidents."""


class Clerk:
    """`past`: the incidents that are written about; `now`: GitHub's clock."""

    def __init__(
        self,
        past: Callable[[], tuple[Incident, ...]],
        source: Source,
        pulls: Pulls,
        policy: Policy,
        now: Callable[[], datetime],
        reach: Callable[[str], None] = crashpoints.reach,
    ) -> None:
        self._past = past
        self._source = source
        self._pulls = pulls
        self._policy = policy
        self._now = now
        self._reach = reach
        self._done: set[str] = set()
        """Branches whose pull request is there. It only spares questions."""

    def step(self) -> tuple[Pull, ...]:
        """Open what is missing; those that were opened. Raises Transient, Permanent."""
        keeping = self._policy.memory
        if "pull" not in (keeping.postmortems, keeping.runbooks, keeping.grants, keeping.first_day):
            return ()
        opened: list[Pull] = []
        for paper in wanted(self._past(), self._policy, self._now()):
            if paper.branch in self._done or len(opened) >= MOST_AT_ONCE:
                continue
            pull = self._open(paper)
            if pull is not None:
                opened.append(pull)
            self._done.add(paper.branch)
        return tuple(opened)

    def _open(self, paper: Paper) -> Pull | None:
        if self._source.pulls_of(paper.branch):
            return None
        head = self._source.head()
        there = {path: file.data for path, file in self._source.files(head, paper.reads).items()}
        files = paper.make(there)
        if not files:
            return None
        if wrong := (*check_title(paper.title), *check_body(paper.body)):
            raise Permanent(f"{paper.branch}: {'; '.join(wrong)}")
        stands = self._source.branch_head(paper.branch)
        if stands is None:
            self._pulls.branch(paper.branch, NewCommit(head, dict(files), f"{paper.title}\n\n{SIGNED}", paper.at))
            self._reach("branch-made")
        elif {p: f.data for p, f in self._source.files(stands, tuple(files)).items()} != files:
            return None  # somebody else's branch
        self._retire(paper)
        pull = self._pulls.propose(paper.branch, paper.title, paper.body, (MEMORY,))
        self._reach("pull-open")
        return pull

    def _retire(self, paper: Paper) -> None:
        """Close older versions that nobody has touched since they were opened."""
        for branch in paper.replaces:
            for pull in self._source.pulls_of(branch):
                untouched = self._source.commit(pull.head_sha).message.rstrip().endswith(SIGNED)
                if pull.open and untouched and not self._source.was_closed(pull.number):
                    self._pulls.close_pull(pull.number)
