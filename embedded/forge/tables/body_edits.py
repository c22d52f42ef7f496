"""Who changed the body of an issue to what, and which issues are pinned: what GitHub tells over GraphQL alone."""

from dataclasses import dataclass

from embedded.forge.database import Database, now
from embedded.forge.rows import Issue

MOST_PINS = 3


@dataclass(frozen=True, slots=True)
class BodyEdit:
    """The whole body as it was after `editor` had changed it."""

    id: int
    editor: str
    body: str
    edited_at: str


class BodyEdits:
    def __init__(self, database: Database) -> None:
        self._db = database

    def note(self, old: Issue, editor: str, body: str, at: str) -> None:
        """Inside a transaction: another body. The first edit also notes what was there, as GitHub does."""
        if body == (old.body or ""):
            return
        insert = "INSERT INTO body_edits(number, editor, body, edited_at) VALUES (?, ?, ?, ?)"
        if not self._db.rows("SELECT 1 FROM body_edits WHERE number = ? LIMIT 1", old.number):
            self._db.insert(insert, old.number, old.author, old.body or "", old.created_at)
        self._db.insert(insert, old.number, editor, body, at)

    def newest(self, number: int, most: int) -> list[BodyEdit]:
        """The newest first."""
        found = self._db.rows("SELECT * FROM body_edits WHERE number = ? ORDER BY id DESC LIMIT ?", number, most)
        return [BodyEdit(row["id"], row["editor"], row["body"], row["edited_at"]) for row in found]

    def count(self, number: int) -> int:
        return int(self._db.rows("SELECT count(*) FROM body_edits WHERE number = ?", number)[0][0])

    def pinned(self) -> list[int]:
        return [int(row["number"]) for row in self._db.rows("SELECT number FROM pins ORDER BY pinned_at, number")]

    def pin(self, number: int, login: str) -> None:
        """Pinned already is fine."""
        with self._db.writing():
            self._db.rows("INSERT OR IGNORE INTO pins VALUES (?, ?, ?)", number, login, now())
            self._db.changed("issue", number)
