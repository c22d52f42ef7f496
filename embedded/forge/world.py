"""All parts of one running forge."""

from dataclasses import dataclass, field
from pathlib import Path

from embedded.forge.accounts import Account, Accounts, Role
from embedded.forge.git.repository import Repository
from embedded.forge.git.seed import seed
from embedded.forge.limits import Limits
from embedded.forge.misbehave import Misbehaviour
from embedded.forge.request_log import RequestLog
from embedded.forge.store import Store


@dataclass(slots=True)
class World:
    """The store, the git repository, who may come in, and the switches."""

    store: Store
    git: Repository
    accounts: Accounts
    log: RequestLog
    limits: Limits = field(default_factory=Limits)
    misbehaviour: Misbehaviour = field(default_factory=Misbehaviour)
    tokens: dict[str, Account] = field(default_factory=dict)

    def account(self, token: str) -> Account | None:
        """Whose token this is."""
        return self.tokens.get(token)

    def is_admin(self, token: str) -> bool:
        account = self.tokens.get(token)
        return account is not None and account.role >= Role.ADMIN

    def close(self) -> None:
        self.store.close()
        self.log.close()


def open_world(folder: Path, accounts: Accounts, *, seed_from: Path | None = None, rate_limit: int = 5000) -> World:
    """Open (or found) the forge kept in `folder`; an empty git repository gets its first commit from `seed_from`."""
    store = Store(folder, accounts.repo)
    store.admit(accounts)
    git = Repository(folder / "git" / f"{accounts.repo}.git")
    seed(git, seed_from)
    return World(
        store,
        git,
        accounts,
        RequestLog(folder / "requests.db"),
        Limits(rate_limit),
        tokens={account.token: account for account in accounts.everyone},
    )
