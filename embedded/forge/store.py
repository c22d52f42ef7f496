"""Everything the forge knows, behind one synchronous object that any thread may use."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from embedded.forge.accounts import Accounts
from embedded.forge.database import Database, now
from embedded.forge.rows import Change
from embedded.forge.tables.checks import Checks
from embedded.forge.tables.comments import Comments
from embedded.forge.tables.events import Events
from embedded.forge.tables.hooks import Hooks
from embedded.forge.tables.issues import Issues
from embedded.forge.tables.labels import DEFAULTS, Labels
from embedded.forge.tables.pulls import Pulls
from embedded.forge.tables.reactions import Reactions
from embedded.forge.tables.users import Users

REPOSITORY_ID = 1_296_269
"""The repository's numeric id, used in page links (`/repositories/<id>/...`). One forge holds one repository."""


class Store:
    """The tables of one repository. Every mutation is one transaction and ends in `changes`."""

    def __init__(self, folder: Path, repo: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.repo = repo
        self.database = Database(folder / "forge.db", repo)
        self.users = Users(self.database)
        self.labels = Labels(self.database)
        self.events = Events(self.database)
        self.issues = Issues(self.database, self.labels, self.events)
        self.pulls = Pulls(self.database, self.issues, self.events)
        self.comments = Comments(self.database)
        self.checks = Checks(self.database)
        self.hooks = Hooks(self.database)
        self.reactions = Reactions(self.database)
        self._found()

    def _found(self) -> None:
        with self.database.writing():
            if self.meta("created_at") is None:
                self.set_meta("created_at", now())
                for name, color, description in DEFAULTS:
                    self.labels.create(name, color, description, default=True)
        self.users.meet(self.owner)

    @property
    def owner(self) -> str:
        return self.repo.partition("/")[0]

    @property
    def name(self) -> str:
        return self.repo.partition("/")[2]

    @property
    def seq(self) -> int:
        """The number of the last committed change."""
        return self.database.seq

    def admit(self, accounts: Accounts) -> None:
        """Give every account its user and role; the accounts file wins over what was stored."""
        for account in accounts.everyone:
            self.users.remember(account)

    def writing(self) -> AbstractContextManager[None]:
        """Several mutations in one transaction."""
        return self.database.writing()

    def reading(self) -> AbstractContextManager[None]:
        """Several reads of one state."""
        return self.database.reading()

    def changes_since(self, seq: int, limit: int = 1000) -> list[Change]:
        """Changes above `seq`, oldest first."""
        return self.database.changes_since(seq, limit)

    def subscribe(self, listener: Callable[[Change], object]) -> Callable[[], None]:
        """Hear each committed change, in order, on the writer's thread; call the answer to stop hearing."""
        return self.database.subscribe(listener)

    def meta(self, key: str) -> str | None:
        row = self.database.row("SELECT value FROM meta WHERE key = ?", key)
        return str(row["value"]) if row else None

    def set_meta(self, key: str, value: str) -> None:
        self.database.rows(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value=excluded.value", key, value
        )

    def close(self) -> None:
        self.database.close()
