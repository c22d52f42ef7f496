"""An issue's timeline for people: body, comments, reviews and events in the order in which they happened."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from embedded.forge.pages.markdown import to_html
from embedded.forge.rows import Comment, Event, Issue, Label, Review
from embedded.forge.store import Store
from embedded.forge.tables.comments import CommentQuery

EMOJI: Final = {
    "+1": "👍", "-1": "👎", "laugh": "😄", "hooray": "🎉", "confused": "😕", "heart": "❤️", "rocket": "🚀", "eyes": "👀",
}  # fmt: skip
WORDS: Final = {
    "reopened": "reopened this",
    "locked": "locked the conversation",
    "unlocked": "unlocked the conversation",
    "merged": "merged this",
    "review_dismissed": "dismissed a review",
}
VERDICTS: Final = {
    "APPROVED": "approved these changes",
    "CHANGES_REQUESTED": "requested changes",
    "COMMENTED": "reviewed",
    "DISMISSED": "reviewed (dismissed since)",
}
TOGETHER_S: Final = 60
"""Label changes of one person within this many seconds of the first are shown as one line."""


@dataclass(frozen=True, slots=True)
class Said:
    """A body, comment or review, rendered. `key` is its element id, as in the links that the REST answers give."""

    key: str
    author: str
    role: str
    at: str
    edited: str
    html: str
    reactions: tuple[tuple[str, str, int], ...] = ()
    verb: str = "commented"
    kind: str = "said"


@dataclass(frozen=True, slots=True)
class LabelChange:
    """One label that came or went; `label` is how it looks now, None when it was deleted."""

    added: bool
    name: str
    label: Label | None


@dataclass(frozen=True, slots=True)
class Happened:
    """Something done to the issue: a line such as `alice closed this as completed`."""

    key: str
    event: str
    actor: str
    at: str
    words: str
    labels: tuple[LabelChange, ...] = ()
    commit: str = ""
    kind: str = "happened"


Item = Said | Happened


def timeline(store: Store, issue: Issue, issues_path: str) -> list[Item]:
    """Everything on an issue, oldest first, the body at the head. `issues_path` is where #12 leads."""
    with store.reading():
        comments, _ = store.comments.find(CommentQuery(issue.number))
        events = store.events.of_issue(issue.number)
        reviews = store.pulls.reviews(issue.number) if issue.is_pull else []
        counts = store.reactions.counts("comment", [one.id for one in comments])
        own = store.reactions.counts("issue", [issue.number]).get(issue.number, {})
        born = _births(store, issue.number)
        known = {label.name.lower(): label for label in store.labels.all()}
        roles = {user.login: user.role for user in store.users.all()}

    def comment(row: Comment) -> Said:
        edited = row.updated_at if row.updated_at != row.created_at else ""
        html, role = to_html(row.body, issues_path), roles.get(row.author, "none")
        liked = _reactions(counts.get(row.id, {}))
        return Said(f"issuecomment-{row.id}", row.author, role, row.created_at, edited, html, liked)

    def review(row: Review) -> Said:
        verb = VERDICTS.get(row.state, "reviewed")
        html, role = to_html(row.body, issues_path), roles.get(row.author, "none")
        return Said(f"pullrequestreview-{row.id}", row.author, role, row.submitted_at or "", "", html, (), verb)

    items: list[tuple[float, Item]] = []
    items += [(born["comment", row.id], comment(row)) for row in comments]
    items += [(born["event", row.id], one) for row in events if (one := _event(row, known))]
    items += [(_seconds(row.submitted_at) + 0.999, review(row)) for row in reviews if row.submitted_at]
    html = to_html(issue.body or "", issues_path)
    role = roles.get(issue.author, "none")
    body = Said("body", issue.author, role, issue.created_at, "", html, _reactions(own), "opened this")
    return [body, *_grouped(item for _, item in sorted(items, key=lambda pair: pair[0]))]


def _births(store: Store, number: int) -> dict[tuple[str, int], float]:
    """When each comment and event was committed, finer than the seconds people see."""
    select = (
        "SELECT 'comment' AS kind, id, born FROM comments WHERE number = ? "
        "UNION ALL SELECT 'event', id, born FROM events WHERE number = ?"
    )
    return {(row["kind"], row["id"]): row["born"] for row in store.database.rows(select, number, number)}


def _event(event: Event, known: dict[str, Label]) -> Happened | None:
    """The line of an event; None for kinds that tell people nothing."""
    key, detail = f"event-{event.id}", event.detail
    labels: tuple[LabelChange, ...] = ()
    words = WORDS.get(event.event, "")
    if event.event in {"labeled", "unlabeled"}:
        name = str((detail.get("label") or {}).get("name", ""))
        labels = (LabelChange(event.event == "labeled", name, known.get(name.lower())),)
    elif event.event == "closed":
        reason = str(detail.get("state_reason") or "").replace("_", " ")
        words = f"closed this as {reason}" if reason else "closed this"
    elif event.event == "renamed":
        rename = detail.get("rename") or {}
        words = f"changed the title from “{rename.get('from', '')}” to “{rename.get('to', '')}”"
    elif event.event in {"assigned", "unassigned"}:
        words = f"{event.event} {detail.get('assignee', '')}"
    elif event.event in {"review_requested", "review_request_removed"}:
        asked = "asked for a review by" if event.event == "review_requested" else "no longer asks for a review by"
        words = f"{asked} {detail.get('requested_reviewer', '')}"
    if not words and not labels:
        return None
    return Happened(key, event.event, event.actor, event.created_at, words, labels, event.commit_id or "")


def _grouped(items: Iterable[Item]) -> Iterator[Item]:
    """Consecutive label changes of one person at about one time become one line, under the first one's key."""
    held: Happened | None = None
    for item in items:
        if held and isinstance(item, Happened) and _belongs(held, item):
            held = replace(held, labels=(*held.labels, *item.labels))
            continue
        if held:
            yield held
        held = item if isinstance(item, Happened) and item.labels else None
        if held is None:
            yield item
    if held:
        yield held


def _belongs(first: Happened, later: Happened) -> bool:
    near = _seconds(later.at) - _seconds(first.at) <= TOGETHER_S
    return bool(later.labels) and first.actor == later.actor and near


def _reactions(counts: dict[str, int]) -> tuple[tuple[str, str, int], ...]:
    return tuple((name, EMOJI.get(name, name), n) for name, n in sorted(counts.items()) if n)


def _seconds(at: str | None) -> float:
    return datetime.fromisoformat(at).timestamp() if at else 0.0
