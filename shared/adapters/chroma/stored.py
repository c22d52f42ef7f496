"""A document as Chroma keeps it: a text and flat metadata, with the digest it was put with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, get_args

from shared.recall.document import Document, Ending, Kind

_TEXTS: Final = ("kind", "title", "source", "proof", "service", "symptom", "cause", "ending")
_KINDS: Final = get_args(Kind)
_ENDINGS: Final = get_args(Ending)
Metadata = dict[str, str | int]


def metadata(document: Document) -> Metadata:
    """All of `document` but its id and its text, and its digest."""
    flat: Metadata = {name: getattr(document, name) for name in _TEXTS}
    return flat | {"at": document.at.isoformat(), "issue": document.issue, "digest": document.digest}


def document(id: str, text: object, kept: Mapping[str, object] | None) -> Document | None:
    """The document as it was put; None when it is no longer what its digest says, or never was a document."""
    if kept is None or not isinstance(text, str):
        return None
    texts = {name: kept.get(name) for name in _TEXTS}
    at, issue = kept.get("at"), kept.get("issue")
    if not all(isinstance(value, str) for value in texts.values()) or not isinstance(at, str) or type(issue) is not int:
        return None
    if texts["kind"] not in _KINDS or texts["ending"] not in _ENDINGS:
        return None
    try:
        when = datetime.fromisoformat(at)
    except ValueError:
        return None
    if when.tzinfo is None:
        return None
    found = Document(id=id, text=text, at=when, issue=issue, **texts)  # type: ignore[arg-type] # looked at above
    return found if found.digest == kept.get("digest") else None
