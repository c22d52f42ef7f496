"""All parts of one running forge."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from embedded.forge.accounts import Account, Accounts, Role
from embedded.forge.courier import Courier
from embedded.forge.database import now
from embedded.forge.git.repository import RefChange, Repository
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
    courier: Courier
    limits: Limits = field(default_factory=Limits)
    misbehaviour: Misbehaviour = field(default_factory=Misbehaviour)
    tokens: dict[str, Account] = field(default_factory=dict)
    on_push: list[Callable[[str, Sequence[RefChange]], None]] = field(default_factory=list)
    site: str = "http://127.0.0.1"
    """scheme://host under which the forge was last addressed; webhooks sent for a git push use it."""
    people: str = ""
    """scheme://host under which people open the pages, where programs use another (see Urls)."""
    _actor: threading.local = field(default_factory=threading.local)

    def account(self, token: str) -> Account | None:
        """Whose token this is."""
        return self.tokens.get(token)

    def is_admin(self, token: str) -> bool:
        account = self.tokens.get(token)
        return account is not None and account.role >= Role.ADMIN

    @contextmanager
    def acting(self, login: str) -> Iterator[None]:
        """Say on whose behalf this thread moves references."""
        self._actor.login = login
        try:
            yield
        finally:
            self._actor.login = ""

    def refs_moved(self, moved: Sequence[RefChange]) -> None:
        """Note moved references, and carry open pull requests along. Never called inside a store transaction."""
        visible = [change for change in moved if not change.name.startswith("refs/pull/")]
        if not visible:
            return
        with self.store.writing():
            self.store.set_meta("pushed_at", now())
            self.store.database.changed("ref")
        for change in visible:
            branch = change.name.removeprefix("refs/heads/")
            if change.new is None or branch == change.name:
                continue
            for pull in self.store.pulls.open_on(head=branch):
                self.store.pulls.move(pull.number, head_sha=change.new)
                self.git.run("update-ref", f"refs/pull/{pull.number}/head", change.new)
        for listener in self.on_push:
            listener(getattr(self._actor, "login", "") or self.store.owner, visible)

    def close(self) -> None:
        self.courier.close()
        self.store.close()
        self.log.close()


def open_world(folder: Path, accounts: Accounts, *, seed_from: Path | None = None, rate_limit: int = 5000) -> World:
    """Open (or found) the forge kept in `folder`; an empty git repository gets its first commit from `seed_from`."""
    store = Store(folder, accounts.repo)
    store.admit(accounts)
    git = Repository(folder / "git" / f"{accounts.repo}.git")
    seed(git, seed_from)
    world = World(
        store,
        git,
        accounts,
        RequestLog(folder / "requests.db"),
        Courier(store),
        Limits(rate_limit),
        tokens={account.token: account for account in accounts.everyone},
    )
    git.on_refs(world.refs_moved)
    return world
