"""Reactions on issues and on comments."""

from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import forbidden, invalid, not_found
from embedded.forge.rest.router import Route, repo
from embedded.forge.rest.shapes import basic
from embedded.forge.tables.reactions import CONTENTS


def _subject(call: Call) -> tuple[str, int]:
    if "comment_id" in call.params:
        key = call.number("comment_id")
        if call.store.comments.get(key) is None:
            raise not_found()
        return "comment", key
    return "issue", call.issue().number


def list_reactions(call: Call) -> Answer:
    rows = call.store.reactions.of(*_subject(call))
    content = call.query.get("content")
    rows = [row for row in rows if content in {None, row.content}]
    return call.sliced(rows, lambda row: basic.reaction(call.store, call.urls, row))


def create_reaction(call: Call) -> Answer:
    """201, or 200 with the first one when the same person reacts the same way again."""
    subject = _subject(call)
    content = call.text("Reaction", "content")
    if content not in CONTENTS:
        raise invalid("Reaction", "content")
    row, new = call.store.reactions.add(*subject, call.login, content)
    return Answer(201 if new else 200, basic.reaction(call.store, call.urls, row))


def delete_reaction(call: Call) -> Answer:
    """Only one's own."""
    subject = _subject(call)
    key = call.number("reaction_id")
    mine = {row.id: row.login for row in call.store.reactions.of(*subject)}
    if key not in mine:
        raise not_found()
    if mine[key].lower() != call.login.lower():
        raise forbidden()
    call.store.reactions.delete(*subject, key)
    return Answer(204)


ROUTES: tuple[Route, ...] = tuple(
    route
    for base in ("/issues/comments/{comment_id}/reactions", "/issues/{number}/reactions")
    for route in (
        repo("GET", base, list_reactions),
        repo("POST", base, create_reaction),
        repo("DELETE", base + "/{reaction_id}", delete_reaction),
    )
)
