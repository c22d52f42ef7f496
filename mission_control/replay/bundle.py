"""A case as one file: everything that the decisions of one incident were made of, to be made again anywhere, any time.

People's words stay where they are, unless they became facts. The log proves itself: the file holds the fleet's public
keys, and each frozen case is the one whose hash the log names.
"""

from __future__ import annotations

import base64
import json
import lzma
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from agents.brain.frozen import MOST_BYTES, digest
from mission_control.replay import BadCase
from mission_control.replay.again import Given, cases_named, earlier_named
from mission_control.replay.differ import Difference
from shared.incident.codec import starts_like_a_block
from shared.incident.facts import Commanded
from shared.incident.replay import replay
from shared.incident.signing import Keyring, parse_keyring, render_keyring
from shared.incident.thread import Comment, Thread
from shared.policy.model import Policy, parse_policy

FORMAT: Final = "sre-space-replay/1"
PACKED: Final = "xz+base85"


@dataclass(frozen=True, slots=True)
class Expected:
    """A difference that a person has accepted: since then the fleet decides otherwise."""

    seq: int
    difference: Difference


@dataclass(frozen=True, slots=True)
class Bundle:
    """One case. `policy`: the text in force; None where it is not known, with the reason in `note`."""

    given: Given
    policy: str | None
    merging: bool
    """Whether the policy let merges in without a person (SRE_MERGE=policy)."""
    note: str
    expected: tuple[Expected, ...] = ()


def policy_in(text: str, merging: bool) -> Policy:
    """The policy of a text, as the fleet had it. Raises ValueError."""
    policy = parse_policy(text)
    return policy if merging else policy.proposing()


def trimmed(thread: Thread, keyring: Keyring) -> Thread:
    """What decisions are made of: the fleet's facts, and people's comments that became facts. No title, no labels."""
    counted = {c.comment_id for c in replay(thread, keyring).all(Commanded)}
    kept = tuple(
        c
        for c in sorted(thread.comments, key=lambda c: c.id)
        if c.id in counted or (c.author in keyring.accounts and starts_like_a_block(c.body))
    )
    return replace(thread, title="", labels=frozenset(), comments=kept)


def write(bundle: Bundle) -> str:
    """The text of a file."""
    given = bundle.given
    incident = replay(given.thread, given.keyring)
    found = ((name, given.frozen.get(name)) for name in cases_named(incident))
    named = {name: text for name, text in found if text is not None and digest(text) == name}
    others = (given.earlier[n] for n in earlier_named(incident) if n in given.earlier)
    value = {
        "format": FORMAT,
        "repo": given.thread.repo,
        "number": given.thread.number,
        "note": bundle.note,
        "window_s": given.window.total_seconds(),
        "policy": {"text": bundle.policy, "merging": bundle.merging} if bundle.policy is not None else None,
        "keyring": render_keyring(given.keyring),
        "thread": _thread(trimmed(given.thread, given.keyring)),
        "earlier": [_thread(trimmed(one, given.keyring)) for one in others],
        "frozen": {name: {"as": PACKED, "text": _packed(text)} for name, text in named.items()},
        "expected": [
            {"seq": e.seq, "field": e.difference.field, "then": e.difference.then, "now": e.difference.now}
            for e in bundle.expected
        ],
    }
    return json.dumps(value, indent=1, ensure_ascii=True) + "\n"


def read(text: str) -> Bundle:
    """The inverse of `write`. Raises BadCase, for a frozen case that the log does not name too."""
    try:
        value = json.loads(text)
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise BadCase(f"not a case of the format {FORMAT}")
        keyring = parse_keyring(value["keyring"])
        frozen = {str(name): _unpacked(str(name), packed) for name, packed in value["frozen"].items()}
        thread = _read_thread(value["thread"])
        earlier = {one.number: one for one in map(_read_thread, value["earlier"])}
        policy = value["policy"]
        given = Given(
            thread=thread,
            keyring=keyring,
            policy=policy_in(policy["text"], bool(policy["merging"])) if policy is not None else None,
            earlier=earlier,
            frozen=frozen,
            window=timedelta(seconds=float(value["window_s"])),
        )
        expected = tuple(
            Expected(int(row["seq"]), Difference(str(row["field"]), str(row["then"]), str(row["now"])))
            for row in value["expected"]
        )
        text_of = str(policy["text"]) if policy is not None else None
        bundle = Bundle(given, text_of, policy is not None and bool(policy["merging"]), str(value["note"]), expected)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise BadCase(f"the case cannot be read: {error!r:.200}") from error
    strange = set(frozen) - set(cases_named(replay(thread, keyring)))
    if strange:
        raise BadCase(f"a frozen case that the log does not name: {', '.join(sorted(n[:12] for n in strange))}")
    return bundle


def _packed(text: bytes) -> str:
    return base64.b85encode(lzma.compress(text, preset=6)).decode("ascii")


def _unpacked(name: str, packed: Mapping[str, Any]) -> bytes:
    """The text, proved to be the one of this name. Raises BadCase, ValueError, KeyError."""
    if packed["as"] != PACKED:
        raise BadCase(f"a frozen case that is packed as {packed['as']!r:.40}")
    try:
        unpacking = lzma.LZMADecompressor(memlimit=256 << 20)
        text = unpacking.decompress(base64.b85decode(packed["text"]), max_length=MOST_BYTES + 1)
    except lzma.LZMAError as error:
        raise BadCase(f"the frozen case {name[:12]} cannot be unpacked: {error}") from error
    if not unpacking.eof or digest(text) != name:
        raise BadCase(f"the frozen case {name[:12]} is not the one that was judged: its SHA-256 is another")
    return text


def _thread(thread: Thread) -> dict[str, Any]:
    return {
        "repo": thread.repo,
        "number": thread.number,
        "url": thread.url,
        "author": thread.author,
        "body": thread.body,
        "created_at": thread.created_at.isoformat(),
        "updated_at": thread.updated_at.isoformat(),
        "closed": thread.closed,
        "comments": [
            {
                "id": c.id,
                "author": c.author,
                "body": c.body,
                "created_at": c.created_at.isoformat(),
                "updated_at": c.updated_at.isoformat(),
            }
            for c in thread.comments
        ],
    }


def _read_thread(given: Mapping[str, Any]) -> Thread:
    return Thread(
        repo=str(given["repo"]),
        number=int(given["number"]),
        title="",
        author=str(given["author"]),
        body=str(given["body"]),
        created_at=datetime.fromisoformat(given["created_at"]),
        updated_at=datetime.fromisoformat(given["updated_at"]),
        closed=bool(given["closed"]),
        labels=frozenset(),
        comments=tuple(_comments(given["comments"])),
        url=str(given["url"]),
    )


def _comments(rows: Iterable[Mapping[str, Any]]) -> Iterable[Comment]:
    for row in rows:
        times = (datetime.fromisoformat(row["created_at"]), datetime.fromisoformat(row["updated_at"]))
        yield Comment(int(row["id"]), str(row["author"]), str(row["body"]), *times)
