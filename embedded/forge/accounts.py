"""Who may speak to the forge, with which token and which role."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path


class Role(IntEnum):
    """A role on the repository; a higher one includes the lower ones (GitHub's repository roles)."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5

    @property
    def wire(self) -> str:
        """The name GitHub uses in `role_name`."""
        return self.name.lower()

    @property
    def permission(self) -> str:
        """The coarse `permission` of the collaborator endpoint: maintain is told as write, triage as read."""
        return {Role.MAINTAIN: "write", Role.TRIAGE: "read"}.get(self, self.wire)


class BadAccounts(ValueError):
    """The accounts are not usable."""


@dataclass(frozen=True, slots=True)
class Account:
    """A login with its secret. `app` marks a GitHub App installation, the only kind that may create check runs.

    `scopes` are those of a classic token, as `X-OAuth-Scopes` tells them; None: a fine-grained one, which tells none.
    What an account may is its role's alone.
    """

    login: str
    token: str = field(repr=False)
    role: Role
    app: bool = False
    scopes: str | None = "repo"


@dataclass(frozen=True, slots=True)
class Accounts:
    """All accounts and the repository ("owner/name") they are for."""

    repo: str
    everyone: tuple[Account, ...]

    def by_token(self, token: str) -> Account | None:
        return next((account for account in self.everyone if account.token == token), None)


def role_named(name: str) -> Role:
    """The role called `name` (read, triage, write, maintain, admin); pull and push are accepted too."""
    wanted = {"pull": "read", "push": "write"}.get(name.lower(), name.lower())
    try:
        return Role[wanted.upper()]
    except KeyError:
        raise BadAccounts(f"{name!r} is not a role; roles are read, triage, write, maintain, admin") from None


def read_accounts(path: Path) -> Accounts:
    """Read `{"repo":"o/r","accounts":[{"login","token","role"[,"app","scopes"]}]}` from a file of mode 0600."""
    if path.stat().st_mode & 0o077:
        raise BadAccounts(f"{path} can be read by others; chmod 600 it, it holds tokens")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        everyone = [
            Account(
                login=str(a["login"]),
                token=str(a["token"]),
                role=role_named(str(a["role"])),
                app=bool(a.get("app", False)),
                scopes=a.get("scopes", "repo"),
            )
            for a in raw["accounts"]
        ]
        return checked(str(raw["repo"]), everyone)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise BadAccounts(f"{path}: {error!r}") from error


def parse_account(text: str) -> Account:
    """Read `NAME=login:token:role`; NAME is for the reader only. Tokens given this way show in `ps`."""
    spec = text.partition("=")[2] or text
    parts = spec.split(":")
    if len(parts) != 3 or not all(parts):
        raise BadAccounts(f"{spec.split(':')[0]!r}: an account is written NAME=login:token:role")
    return Account(parts[0], parts[1], role_named(parts[2]))


def checked(repo: str, everyone: Iterable[Account]) -> Accounts:
    """Accounts for `repo`, refused when the name is malformed or two accounts share a token or a login."""
    accounts = Accounts(repo, tuple(everyone))
    owner, slash, name = repo.partition("/")
    if not (owner and slash and name) or "/" in name or repo != repo.strip() or ".." in repo:
        raise BadAccounts(f"{repo!r} is not owner/name")
    for what in ("login", "token"):
        values = [getattr(account, what) for account in accounts.everyone]
        if len(set(values)) != len(values) or not all(values):
            raise BadAccounts(f"every account needs its own {what}")
    return accounts
