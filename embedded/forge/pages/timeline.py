"""An issue's timeline for people: body, comments and events in one order, each with a revision the page can compare."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from embedded.forge.pages.markdown import to_html
from embedded.forge.rows import Comment, Event, Issue
from embedded.forge.store import Store

SHOWN = frozenset({"labeled", "unlabeled", "closed", "reopened", "assigned", "unassigned", "renamed", "locked", "merged"})
EMOJI = {
    "+1": "👍", "-1": "👎", "laugh": "😄", "hooray": "🎉", "confused": "😕", "heart": "❤️", "rocket": "🚀", "eyes": "👀",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """A body or comment, rendered. `key` is its element id, `revision` changes when it has to be drawn again."""

    key: str
    revision: str
    author: str
    at: str
    edited: bool
    html: str
    reactions: tuple[tuple[str, int], ...]
    kind: str = "said"


@dataclass(frozen=True, slots=True)
class Happened:
    """An event: somebody added a label, closed the issue and so on."""

    key: str
    revision: str
    actor: str
    at: str
    event: str
    label: str
    color: str
    detail: str
    kind: str = "happened"


def timeline(store: Store, issue: Issue) -> list[Said | Happened]:
    """Everything on an issue, oldest first."""
    with store.reading():
        comments, _ = store.comments.find(_of(issue.number))
        events = store.events.of_issue(issue.number)
        counts = store.reactions.counts("comment", [c.id for c in comments])
        own = store.reactions.counts("issue", [issue.number]).get(issue.number, {})
    items: list[tuple[str, int, Said | Happened]] = []
    items += [(c.created_at, c.id, _comment(c, counts.get(c.id, {}))) for c in comments]
    items += [(e.created_at, e.id, _event(e)) for e in events if e.event in SHOWN]
    body = issue.body or "_No description._"
    edited = False
    first = Said(
        "body", _digest(body, str(own)), issue.author, issue.created_at, edited, to_html(body), _reactions(own)
    )
    return [first, *(item for _, _, item in sorted(items, key=lambda row: (row[0], row[2].kind == "said", row[1])))]


def _comment(comment: Comment, reactions: dict[str, int]) -> Said:
    return Said(
        f"comment-{comment.id}",
        _digest(comment.body, str(reactions)),
        comment.author,
        comment.created_at,
        comment.updated_at != comment.created_at,
        to_html(comment.body),
        _reactions(reactions),
    )


def _event(event: Event) -> Happened:
    label = event.detail.get("label") or {}
    rename = event.detail.get("rename") or {}
    detail = f"{rename.get('from', '')} → {rename.get('to', '')}" if rename else ""
    return Happened(
        f"event-{event.id}",
        "1",
        event.actor,
        event.created_at,
        event.event,
        str(label.get("name", "")),
        str(label.get("color", "")),
        detail,
    )


def _reactions(counts: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((EMOJI.get(name, name), n) for name, n in sorted(counts.items()) if n)


def _digest(*parts: Sequence[str] | str) -> str:
    return hashlib.sha256("\x00".join(map(str, parts)).encode()).hexdigest()[:12]
