"""The repository's labels. Names are compared without case, shown as first written."""

import sqlite3

from embedded.forge.database import Database
from embedded.forge.rows import Label

DEFAULT_COLOR = "ededed"
DEFAULTS = (
    ("bug", "d73a4a", "Something isn't working"),
    ("documentation", "0075ca", "Improvements or additions to documentation"),
    ("duplicate", "cfd3d7", "This issue or pull request already exists"),
    ("enhancement", "a2eeef", "New feature or request"),
    ("good first issue", "7057ff", "Good for newcomers"),
    ("help wanted", "008672", "Extra attention is needed"),
    ("invalid", "e4e669", "This doesn't seem right"),
    ("question", "d876e3", "Further information is requested"),
    ("wontfix", "ffffff", "This will not be worked on"),
)


def to_label(row: sqlite3.Row) -> Label:
    return Label(row["id"], row["name"], row["color"], row["description"], bool(row["is_default"]))


class Labels:
    """Labels of the repository (not of one issue)."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, name: str) -> Label | None:
        row = self._db.row("SELECT * FROM labels WHERE name = ?", name)
        return to_label(row) if row else None

    def all(self) -> list[Label]:
        return [to_label(r) for r in self._db.rows("SELECT * FROM labels ORDER BY name COLLATE NOCASE")]

    def create(
        self, name: str, color: str = DEFAULT_COLOR, description: str | None = None, *, default: bool = False
    ) -> Label:
        """Add a label; sqlite3.IntegrityError when the name is taken."""
        with self._db.writing():
            insert = "INSERT INTO labels(name, color, description, is_default) VALUES (?, ?, ?, ?)"
            key = self._db.insert(insert, name, color, description, int(default))
            self._db.changed("label")
        return Label(key, name, color, description, default)

    def ensure(self, name: str) -> Label:
        """The label called `name`, made grey when there is none, as GitHub does when one is put on an issue."""
        with self._db.writing():
            return self.get(name) or self.create(name)

    def edit(self, label: Label, *, name: str, color: str, description: str | None) -> Label:
        """Rename or recolour; issues keep the label. sqlite3.IntegrityError when the new name is taken."""
        with self._db.writing():
            update = "UPDATE labels SET name = ?, color = ?, description = ? WHERE id = ?"
            self._db.rows(update, name, color, description, label.id)
            self._db.changed("label")
        return Label(label.id, name, color, description, label.default)

    def delete(self, label: Label) -> None:
        """Remove the label from the repository and from every issue."""
        with self._db.writing():
            self._db.rows("DELETE FROM labels WHERE id = ?", label.id)
            self._db.changed("label")
