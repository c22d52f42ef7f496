"""Pull requests: which branch wants into which, and who reviewed it."""

import sqlite3
from collections.abc import Iterable

from embedded.forge.database import Database, now
from embedded.forge.rows import Pull, Review
from embedded.forge.tables.events import Events
from embedded.forge.tables.issues import Issues


def to_pull(row: sqlite3.Row) -> Pull:
    return Pull(
        row["number"],
        row["base_ref"],
        row["base_sha"],
        row["head_ref"],
        row["head_sha"],
        bool(row["draft"]),
        row["merged_at"],
        row["merged_by"],
        row["merge_commit_sha"],
    )


def to_review(row: sqlite3.Row) -> Review:
    keys = ("id", "number", "author", "state", "body", "commit_id", "submitted_at")
    return Review(*(row[key] for key in keys))


class Pulls:
    def __init__(self, database: Database, issues: Issues, events: Events) -> None:
        self._db = database
        self._issues = issues
        self._events = events

    def create(self, number: int, *, base: tuple[str, str], head: tuple[str, str], draft: bool = False) -> Pull:
        """Add the git side (branch, sha of both ends) to the issue `number` that was made for it."""
        with self._db.writing():
            self._db.insert(
                "INSERT INTO pulls(number, base_ref, base_sha, head_ref, head_sha, draft) VALUES (?, ?, ?, ?, ?, ?)",
                *(number, *base, *head, int(draft)),
            )
            self._db.changed("pull", number)
        return Pull(number, *base, *head, draft, None, None, None)

    def get(self, number: int) -> Pull | None:
        row = self._db.row("SELECT * FROM pulls WHERE number = ?", number)
        return to_pull(row) if row else None

    def open_on(self, *, head: str | None = None, base: str | None = None) -> list[Pull]:
        """Open pull requests from branch `head` and/or into branch `base`."""
        select = (
            "SELECT p.* FROM pulls p JOIN issues i ON i.number = p.number WHERE i.state = 'open' "
            "AND (? IS NULL OR p.head_ref = ?) AND (? IS NULL OR p.base_ref = ?) ORDER BY p.number"
        )
        return [to_pull(r) for r in self._db.rows(select, head, head, base, base)]

    def find(
        self,
        state: str,
        *,
        head: str | None = None,
        base: str | None = None,
        sort: str = "created",
        descending: bool = True,
    ) -> list[Pull]:
        """Pull requests in this state (open, closed, all)."""
        order = "updated_at" if sort == "updated" else "created_at"
        way = "DESC" if descending else "ASC"
        select = (
            "SELECT p.* FROM pulls p JOIN issues i ON i.number = p.number "  # noqa: S608
            "WHERE (? = 'all' OR i.state = ?) AND (? IS NULL OR p.head_ref = ?) AND (? IS NULL OR p.base_ref = ?) "
            f"ORDER BY i.{order} {way}, p.number {way}"
        )
        return [to_pull(r) for r in self._db.rows(select, state, state, head, head, base, base)]

    def move(
        self, number: int, *, head_sha: str | None = None, base_ref: str | None = None, base_sha: str | None = None
    ) -> None:
        """Note that an end of the pull request moved."""
        with self._db.writing():
            update = (
                "UPDATE pulls SET head_sha = coalesce(?, head_sha), base_ref = coalesce(?, base_ref), "
                "base_sha = coalesce(?, base_sha) WHERE number = ?"
            )
            self._db.rows(update, head_sha, base_ref, base_sha, number)
            self._db.rows("UPDATE issues SET updated_at = ? WHERE number = ?", now(), number)
            self._db.changed("pull", number)

    def set_draft(self, number: int, *, draft: bool) -> None:
        with self._db.writing():
            self._db.rows("UPDATE pulls SET draft = ? WHERE number = ?", int(draft), number)
            self._db.changed("pull", number)

    def merged(self, number: int, actor: str, sha: str) -> None:
        """Close the pull request as merged with commit `sha`."""
        with self._db.writing():
            update = "UPDATE pulls SET merged_at = ?, merged_by = ?, merge_commit_sha = ? WHERE number = ?"
            self._db.rows(update, now(), actor, sha, number)
            self._events.add(number, actor, "merged", commit_id=sha)
            self._issues.edit(number, actor, {"state": "closed"})

    def review(self, number: int, author: str, state: str, body: str, commit_id: str) -> Review:
        """Add a review; it settles a request for one."""
        at = None if state == "PENDING" else now()
        with self._db.writing():
            insert = (
                "INSERT INTO reviews(number, author, state, body, commit_id, submitted_at) VALUES (?, ?, ?, ?, ?, ?)"
            )
            key = self._db.insert(insert, number, author, state, body, commit_id, at)
            self._db.rows("DELETE FROM review_requests WHERE number = ? AND login = ?", number, author)
            self._db.changed("review", number)
        return Review(key, number, author, state, body, commit_id, at)

    def dismiss(self, review: Review, actor: str, message: str) -> Review:
        """Take a review's weight away."""
        with self._db.writing():
            self._db.rows("UPDATE reviews SET state = 'DISMISSED' WHERE id = ?", review.id)
            detail = {"review_id": review.id, "state": review.state.lower(), "dismissal_message": message}
            self._events.add(review.number, actor, "review_dismissed", {"dismissed_review": detail})
            self._db.changed("review", review.number)
        keep = (review.body, review.commit_id, review.submitted_at)
        return Review(review.id, review.number, review.author, "DISMISSED", *keep)

    def reviews(self, number: int) -> list[Review]:
        """Oldest first."""
        return [to_review(r) for r in self._db.rows("SELECT * FROM reviews WHERE number = ? ORDER BY id", number)]

    def request_reviews(self, number: int, actor: str, logins: Iterable[str], *, on: bool = True) -> None:
        """Ask for reviews, or (`on=False`) no longer."""
        with self._db.writing():
            for login in logins:
                if on:
                    self._db.rows("INSERT OR IGNORE INTO review_requests VALUES (?, ?)", number, login)
                else:
                    self._db.rows("DELETE FROM review_requests WHERE number = ? AND login = ?", number, login)
                event = "review_requested" if on else "review_request_removed"
                self._events.add(number, actor, event, {"review_requester": actor, "requested_reviewer": login})
            self._db.changed("pull", number)

    def requested(self, number: int) -> list[str]:
        """Logins whose review is awaited."""
        return [r["login"] for r in self._db.rows("SELECT login FROM review_requests WHERE number = ?", number)]
