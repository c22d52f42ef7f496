"""Comments on issues and pull requests. Ids grow in the order of commitment and are never used again."""

import sqlite3
import time
from dataclasses import dataclass

from embedded.forge.database import Database, Value, now
from embedded.forge.rows import Comment


def to_comment(row: sqlite3.Row) -> Comment:
    return Comment(row["id"], row["number"], row["body"], row["author"], row["created_at"], row["updated_at"])


@dataclass(frozen=True, slots=True)
class CommentQuery:
    """Which comments, in which order. `number` None means those of every issue."""

    number: int | None = None
    since: str | None = None
    sort: str = "id"
    descending: bool = False
    born_before: float = float("inf")


class Comments:
    def __init__(self, database: Database) -> None:
        self._db = database

    def create(self, number: int, body: str, author: str) -> Comment:
        """Add a comment; the issue's count and `updated_at` move with it."""
        at = now()
        with self._db.writing():
            insert = (
                "INSERT INTO comments(number, body, author, created_at, updated_at, born) VALUES (?, ?, ?, ?, ?, ?)"
            )
            key = self._db.insert(insert, number, body, author, at, at, time.time())
            self._db.rows("UPDATE issues SET comments = comments + 1, updated_at = ? WHERE number = ?", at, number)
            self._db.changed("comment", number)
        return Comment(key, number, body, author, at, at)

    def get(self, key: int) -> Comment | None:
        row = self._db.row("SELECT * FROM comments WHERE id = ?", key)
        return to_comment(row) if row else None

    def edit(self, comment: Comment, body: str) -> Comment:
        """Replace the text; author and creation time stay."""
        at = now()
        with self._db.writing():
            self._db.rows("UPDATE comments SET body = ?, updated_at = ? WHERE id = ?", body, at, comment.id)
            self._db.changed("comment", comment.number)
        return Comment(comment.id, comment.number, body, comment.author, comment.created_at, at)

    def delete(self, comment: Comment) -> None:
        with self._db.writing():
            self._db.rows("DELETE FROM comments WHERE id = ?", comment.id)
            self._db.rows("UPDATE issues SET comments = comments - 1 WHERE number = ?", comment.number)
            self._db.rows("DELETE FROM reactions WHERE subject = 'comment' AND subject_id = ?", comment.id)
            self._db.changed("comment", comment.number)

    def find(self, query: CommentQuery, limit: int = -1, offset: int = 0) -> tuple[list[Comment], int]:
        """A page of comments and how many there are in all."""
        where, values = ["born <= ?"], [query.born_before]
        wanted: list[Value] = [*values]
        if query.number is not None:
            where.append("number = ?")
            wanted.append(query.number)
        if query.since:
            where.append("updated_at >= ?")
            wanted.append(query.since)
        order = {"created": "created_at", "updated": "updated_at"}.get(query.sort, "id")
        way = "DESC" if query.descending else "ASC"
        such = " AND ".join(where)
        with self._db.reading():
            total = int(self._db.rows(f"SELECT count(*) FROM comments WHERE {such}", *wanted)[0][0])  # noqa: S608
            found = self._db.rows(
                f"SELECT * FROM comments WHERE {such} ORDER BY {order} {way}, id {way} LIMIT ? OFFSET ?",  # noqa: S608
                *wanted,
                limit,
                offset,
            )
        return [to_comment(r) for r in found], total
