"""What the fleet's own issue is made of, read from GitHub: conditional, so that nothing new costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mission_control.herald.board import board_of
from shared.adapters.github.client import GitHub
from shared.adapters.github.graphql import GitHubGraphQL
from shared.incident.labels import DASHBOARD, FREEZE
from shared.incident.ticks import Tick, ticks

PAGES = 3
"""Of the fleet's own issues that are looked through for a board whose label somebody took off."""


class GitHubWorld:
    """Fulfils `mission_control.herald.keeper.World`."""

    def __init__(self, github: GitHub) -> None:
        self._github = github
        self._freezing = github.watch("/issues", {"labels": FREEZE, "state": "open"})
        self._frozen: tuple[int, ...] = ()

    def now(self) -> datetime:
        return self._github.reads.now()

    def open_numbers(self) -> tuple[int, ...]:
        return tuple(thread.number for thread in self._github.reads.incidents(state="open"))

    def freezes(self) -> tuple[int, ...]:
        rows = self._freezing.changed()
        if rows is not None:
            self._frozen = tuple(sorted(row["number"] for row in rows if type(row.get("number")) is int))
        return self._frozen

    def body(self, number: int) -> str:
        return self._github.reads.issue(number).body

    def pin(self, number: int) -> None:
        GitHubGraphQL(self._github.wire, self._github.budget).pin(number)

    def boards(self) -> Iterator[dict[str, Any]]:
        """By the label first; then the fleet's own issues, the oldest first."""
        found = list(self._listed({"labels": DASHBOARD, "state": "all", "per_page": 100}))
        yield from found
        if not found:
            for page in range(1, PAGES + 1):
                yield from self._listed(
                    {"creator": self._github.login, "state": "all", "sort": "created", "direction": "asc"}
                    | {"per_page": 100, "page": page}
                )

    def _listed(self, params: dict[str, str | int]) -> list[dict[str, Any]]:
        path = f"/repos/{self._github.wire.address.repo}/issues"
        rows = self._github.wire.send("GET", path, params=params).json()
        return [row for row in rows if isinstance(row, dict)]


class BoardTicks:
    """Callable: the boxes that people ticked on the fleet's own issue. Raises Transient, Permanent."""

    def __init__(self, github: GitHub, fleet: frozenset[str]) -> None:
        """`fleet`: logins that are no persons."""
        self._world = GitHubWorld(github)
        self._github = github
        self._history = GitHubGraphQL(github.wire, github.budget)
        self._fleet = fleet

    def __call__(self) -> tuple[Tick, ...]:
        number = board_of(self._world.boards(), self._github.login)
        return ticks(self._history.edits(number), self._fleet) if number is not None else ()
