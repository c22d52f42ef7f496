"""A fact on the wire: a signed block at byte 0 of a comment, followed by what people read.

    <!-- sre-space:v1 {"at":…,"by":…,"fact":{…},"incident":{…},"prev":…,"seq":…,"text":…,"sig":…} -->
    visible Markdown

There is exactly one encoding of a block: reading re-encodes and compares, so a changed bit is refused even where JSON
would have meant the same. `text` is the SHA-256 of the visible part (less the status card), so
edited prose is noticed too.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.incident.card import without_card
from shared.incident.facts import AnyFact, parse_fact
from shared.incident.record import canonical_json
from shared.incident.signing import Signer

MAX_BODY = 60_000
"""Characters in a comment. GitHub refuses more than 65,536."""
_HEAD = "<!-- sre-space:v1 "
_TAIL = " -->"
_ANY_VERSION = re.compile(r"<!-- sre-space:v(\d+) ")


class NotAFact(Exception):
    """The text is not a block of this protocol version."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which log a fact stands. `issue` is 0 in the body that opens the issue: its number is not known yet."""

    repo: str
    issue: int
    seq: int
    prev: str


@dataclass(frozen=True, slots=True)
class Block:
    """One decoded block; the signature is not yet checked. `payload` is what `signature` is over."""

    fact: AnyFact
    place: Place
    by: str
    at: datetime
    text_sha256: str
    signature: str
    payload: bytes
    text_intact: bool

    @property
    def digest(self) -> str:
        """What the next fact names as `prev`."""
        return hashlib.sha256(self.payload).hexdigest()


def starts_like_a_block(body: str) -> bool:
    """True for text that claims, in any version, to be a fact."""
    return _ANY_VERSION.match(body) is not None


def encode(fact: AnyFact, text: str, place: Place, at: datetime, signer: Signer) -> str:
    """The whole comment body.

    Raises ValueError when the body would be longer than `MAX_BODY` after `text` was cut.
    """
    visible = text.strip("\n") + "\n"
    for _ in range(2):
        payload = _payload(fact, place, signer.role, at, visible)
        block = payload | {"sig": signer.sign(canonical_json(payload).encode())}
        body = f"{_HEAD}{_escape(canonical_json(block))}{_TAIL}\n{visible}"
        if len(body) <= MAX_BODY:
            return body
        keep = len(visible) - (len(body) - MAX_BODY) - 100
        lines = visible[: max(keep, 0)].rpartition("\n")[0]
        visible = lines + "\n\n_… cut: the whole fact stands in the block above._\n"
    raise ValueError(f"a {fact.kind} fact of {len(body)} characters does not fit a comment")


def compact(fact: AnyFact) -> AnyFact:
    """`fact` with its long texts cut so that its block fits a comment whatever alphabet they are in.

    The exhibit goes: cut, it would not be what its hash is over. The trace it shows is named in the evidence. So does
    the situation of a ruling: cut, it would not be what was ruled on.
    """
    value = fact.model_dump(mode="json")
    for proof in value.get("evidence", ()):
        proof |= {"summary": proof["summary"][:60], "link": None}
    for hypothesis in value.get("hypotheses", ()):
        hypothesis["why"] = hypothesis["why"][:60]
        for vote in hypothesis.get("votes", ()):
            vote["why"] = ""
    if value.get("missing"):
        value["missing"] = [line[:60] for line in value["missing"][:8]]
    value.pop("exhibit", None)
    value.pop("situation", None)
    if "brief" in value:
        value["brief"] = value["brief"][:1000]
    return parse_fact(value)


def decode(body: str) -> Block:
    """The block at byte 0 of `body`. Raises NotAFact with the reason."""
    if not body.startswith(_HEAD):
        version = _ANY_VERSION.match(body)
        raise NotAFact(f"unknown version {version[1]}" if version else "no block")
    line, newline, visible = body.partition("\n")
    line = line.removesuffix("\r")  # GitHub's edit form saves CRLF
    if not newline or not line.endswith(_TAIL):
        raise NotAFact("the block does not end on its line")
    written = line[len(_HEAD) : -len(_TAIL)]
    try:
        block = json.loads(written)
        if not isinstance(block, dict) or set(block) != {"fact", "incident", "seq", "prev", "by", "at", "text", "sig"}:
            raise NotAFact("the block has other fields than the protocol's")
        fact = parse_fact(block["fact"])
        at = datetime.fromisoformat(block["at"])
        incident = block["incident"]
        place = Place(incident["repo"], incident["issue"], block["seq"], block["prev"])
        payload_dict = _payload(fact, place, block["by"], at, visible)
        intact = payload_dict["text"] == block["text"]
        payload_dict["text"] = block["text"]
        canonical = _escape(canonical_json(payload_dict | {"sig": block["sig"]}))
    except (ValueError, OverflowError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise NotAFact(f"unreadable block: {type(error).__name__}") from error
    if canonical != written:
        raise NotAFact("the block is not in its canonical encoding")
    return Block(
        fact=fact,
        place=place,
        by=block["by"],
        at=at,
        text_sha256=block["text"],
        signature=block["sig"],
        payload=canonical_json(payload_dict).encode(),
        text_intact=intact,
    )


def _payload(fact: AnyFact, place: Place, by: str, at: datetime, visible: str) -> dict[str, object]:
    return {
        "fact": fact.model_dump(mode="json"),
        "incident": {"repo": place.repo, "issue": place.issue},
        "seq": place.seq,
        "prev": place.prev,
        "by": by,
        "at": at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "text": hashlib.sha256(without_card(visible.replace("\r\n", "\n")).strip().encode()).hexdigest(),
    }


def _escape(text: str) -> str:
    """`--` would end an HTML comment; inside JSON strings it can be written `-\\u002d`."""
    return text.replace("--", "-\\u002d")
