"""A frozen case: all that one diagnosis was made of, as one JSON text that judges again to the same fact. Pure.

The text is kept by Brain's host and never travels; its SHA-256 stands in the signed fact. A field that a newer `Seen`
or `Case` has goes in by itself, and a text without it is read with the field's default.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Protocol, get_args

from pydantic import TypeAdapter, ValidationError

from agents.brain.case import Case
from agents.brain.judge import Seen
from agents.brain.remedy import Allowed
from shared.incident.parts import Verb
from shared.incident.replay import Incident

FORMAT: Final = "sre-space-case/1"
MOST_BYTES: Final = 32 << 20
"""Of one text. A case of 300 traces in each window has about 2 MB."""
_SEEN: Final[TypeAdapter[Seen]] = TypeAdapter(Seen)


class NotFrozen(ValueError):
    """This cannot be written down, or is no frozen case."""


class Cases(Protocol):
    """Where frozen cases are kept."""

    def keep(self, sha256: str, text: bytes) -> bool:
        """Keep `text` under its SHA-256. False when that failed, which is logged: no diagnosis fails for it."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """What the policy allowed when it was asked: an `Allowed` that can be written down."""

    pairs: frozenset[tuple[str, str]]
    """(service, verb)."""

    def __call__(self, service: str, verb: Verb) -> bool:
        return (service, verb) in self.pairs


@dataclass(frozen=True, slots=True)
class Frozen:
    """What stands in a text. `head`: the digest of the newest fact in the log that was judged."""

    repo: str
    number: int
    head: str
    seen: Seen


def freeze(incident: Incident, seen: Seen) -> bytes:
    """The text of one case. Raises NotFrozen for what JSON cannot hold, or what is too large."""
    head = {
        "format": FORMAT,
        "repo": incident.repo,
        "number": incident.number,
        "head": incident.head,
        "allowed": _allowed(incident, seen),
    }
    silent = replace(seen, case=_without_words(seen.case))
    try:
        body = _SEEN.dump_json(silent, exclude={"allowed"})
    except ValueError as error:  # above all half a surrogate pair in somebody's text
        raise NotFrozen(f"not JSON: {str(error)[:200]}") from error
    text = json.dumps(head, separators=(",", ":"))[:-1].encode() + b',"seen":' + body + b"}"
    if len(text) > MOST_BYTES:
        raise NotFrozen(f"a case of {len(text)} bytes, at most {MOST_BYTES}")
    return text


def digest(text: bytes) -> str:
    """What the fact says of the text, in hex."""
    return hashlib.sha256(text).hexdigest()


def thaw(text: bytes) -> Frozen:
    """The inverse of `freeze`. Raises NotFrozen."""
    try:
        value = json.loads(text)
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise NotFrozen(f"not a frozen case of the format {FORMAT}")
        seen = _SEEN.validate_python(value["seen"])
        pairs = frozenset((str(name), str(verb)) for name, verbs in value["allowed"].items() for verb in verbs)
        return Frozen(
            str(value["repo"]), int(value["number"]), str(value["head"]), replace(seen, allowed=Listed(pairs))
        )
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise NotFrozen(f"the case cannot be read: {where}: {error.errors()[0]['msg']}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise (
            error if isinstance(error, NotFrozen) else NotFrozen(f"the case cannot be read: {error!r:.200}")
        ) from error


def _allowed(incident: Incident, seen: Seen) -> dict[str, list[str]]:
    """What may be done to each service that the case names."""
    case = seen.case
    named = {incident.detected.service, *case.containers}
    named |= {span.service for trace in (*case.baseline, *case.during) for span in trace.spans}
    named |= {service for touch in case.touches for service in touch.services}
    return {name: verbs for name in sorted(named) if (verbs := _verbs(name, seen.allowed))}


def _verbs(service: str, allowed: Allowed) -> list[str]:
    return [verb for verb in get_args(Verb) if allowed(service, verb)]


def _without_words(case: Case) -> Case:
    """Other incidents without what people wrote there: no judgement reads it, and it is not ours to keep."""
    silent: dict[str, Any] = {}
    for field in fields(case):
        value = getattr(case, field.name)
        if isinstance(value, tuple) and value and all(isinstance(one, Incident) for one in value):
            silent[field.name] = tuple(replace(one, words=(), rejected=()) for one in value)
    return replace(case, **silent)
