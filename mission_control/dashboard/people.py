"""People at the dashboard: each acts with their own token, so that GitHub and Guardrail see who it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from dashboard.doors import No
from mission_control.github import GithubSaysNo, Repository
from mission_control.terminal.freeze import freeze_in, unfreeze_in
from shared.ports import People, Permanent, Transient

T = TypeVar("T")
_STATUS: Final = re.compile(r": (\d{3}) ")


@dataclass(frozen=True, slots=True)
class AtTheDoor:
    """Fulfils `dashboard.doors.Door`. `fleet`: the logins that are no people; `people` asks with the fleet's token."""

    api: str
    repo: str
    fleet: frozenset[str]
    people: People

    def as_person(self, token: str) -> SignedIn:
        """Raises No for a token that GitHub refuses, and for the fleet's own accounts."""
        repository = Repository(self.api, self.repo, token, "sre-space/dashboard")
        login = _asked(repository.login)
        if login.lower() in {name.lower() for name in self.fleet} or login.endswith("[bot]"):
            raise No(f"{login} is no person: the fleet cannot command itself")
        return SignedIn(login, repository, self.people)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Fulfils `dashboard.doors.Person`."""

    login: str
    repository: Repository
    people: People

    def permission(self) -> str:
        try:
            return self.people.permission(self.login)
        except (Transient, Permanent) as failure:
            raise No(f"the permission of {self.login} cannot be looked up: {failure}", 502) from failure

    def say(self, number: int, line: str) -> str:
        path = f"/issues/{number}/comments"
        return _asked(lambda: str(self.repository.call("POST", path, json={"body": line}).json()["html_url"]))

    def freeze(self, why: str) -> str:
        return _asked(lambda: freeze_in(self.repository, why))

    def unfreeze(self) -> list[str]:
        return _asked(lambda: unfreeze_in(self.repository))


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except GithubSaysNo as no:
        found = _STATUS.search(str(no))
        status = int(found[1]) if found else 0
        raise No(f"GitHub: {no}", status if status in (401, 403, 404) else 502) from no
