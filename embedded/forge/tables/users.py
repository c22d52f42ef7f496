"""The people and programs the forge has met."""

from embedded.forge.accounts import Account, Role, role_named
from embedded.forge.database import Database, now
from embedded.forge.rows import User


class Users:
    """Users by login (case does not matter). Few and rarely changing, so all are kept in memory."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._by_login: dict[str, User] = {}
        self._load()

    def _load(self) -> None:
        self._by_login = {
            r["login"].lower(): User(r["id"], r["login"], r["role"], r["type"], r["created_at"])
            for r in self._db.rows("SELECT * FROM users ORDER BY id")
        }

    def remember(self, account: Account) -> User:
        """Make sure the account's user exists with the account's role."""
        kind = "Bot" if account.app or account.login.endswith("[bot]") else "User"
        with self._db.writing():
            self._db.rows(
                "INSERT INTO users(login, role, type, created_at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT(login) DO UPDATE SET role = excluded.role, type = excluded.type",
                account.login,
                account.role.wire,
                kind,
                now(),
            )
        self._load()
        return self._by_login[account.login.lower()]

    def meet(self, login: str) -> None:
        """Make sure a user of this name exists, without a role if it is new."""
        if login.lower() not in self._by_login:
            self.remember(Account(login, "", Role.NONE))

    def get(self, login: str) -> User | None:
        return self._by_login.get(login.lower())

    def all(self) -> list[User]:
        """Everybody, in the order they appeared."""
        return list(self._by_login.values())

    def role(self, login: str) -> Role:
        """The role now; NONE for a login nobody has."""
        user = self.get(login)
        return role_named(user.role) if user and user.role != "none" else Role.NONE

    def set_role(self, login: str, role: Role) -> None:
        """Change a known user's role."""
        with self._db.writing():
            self._db.rows("UPDATE users SET role = ? WHERE login = ?", role.wire, login)
            self._db.changed("collaborator")
        self._load()
