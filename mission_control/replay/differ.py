"""What two facts say differently, field by field. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from mission_control.terminal.printable import shortened
from shared.incident.codec import compact
from shared.incident.facts import AnyFact, parse_fact
from shared.redaction import Redactor

INPUTS: Final = frozenset(("frozen", "situation", "policy_sha256"))
"""Fields that say what was judged, not what came of it."""
ABSENT: Final = "–"
LONGEST: Final = 160
"""Characters of a value that are shown."""
_REDACTOR: Final = Redactor()


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not as it was. `field` is dotted: `predicates.cooled-down.ok`."""

    field: str
    then: str
    now: str


def differences(then: AnyFact, now: AnyFact) -> tuple[Difference, ...]:
    """Empty where the same was decided. What was redacted, or cut to fit a comment, when it was written, is so here."""
    written = _decided(then)
    for form in (now, compact(now)):
        if _decided(form) == written:
            return ()
    if then.kind != now.kind:
        return (Difference("kind", then.kind, now.kind), Difference("decision", headline(then), headline(now)))
    return tuple(_walk("", written, _decided(now)))


def headline(fact: AnyFact) -> str:
    """What was decided, in a few words."""
    match fact.kind:
        case "diagnosed":
            told = fact.directive
            return f"{fact.cause} in {fact.service} ({fact.confidence:.2f}): {told.verb} {told.target}"
        case "ruled":
            failed = ", ".join(p.name for p in fact.predicates if not p.ok)
            return f"{fact.ruling}: {failed or 'every rule holds'}"
        case "learned":
            return f"{fact.actions} actions, {fact.recurrences} recurrences, earlier {list(fact.earlier)}"
        case "escalated" | "stuck":
            return f"{fact.kind}: {fact.reason}"
        case _:
            return fact.move


def _decided(fact: AnyFact) -> dict[str, Any]:
    redacted = parse_fact(_REDACTOR.json(fact.model_dump(mode="json")))
    value: dict[str, Any] = redacted.model_dump(mode="json")
    return {name: part for name, part in value.items() if name not in INPUTS}


def _walk(where: str, then: Any, now: Any) -> Iterator[Difference]:
    if then == now:
        return
    before, after = _parts(then), _parts(now)
    if before is None or after is None:
        yield Difference(where.removesuffix("."), _shown(then), _shown(now))
        return
    for key in dict.fromkeys((*before, *after)):
        yield from _walk(f"{where}{key}.", before.get(key, ABSENT), after.get(key, ABSENT))


def _parts(value: Any) -> dict[str, Any] | None:
    """What `value` is made of, by name; None where it is not made of parts."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list):
        return None
    for key in ("name", "id", "analyst"):
        if all(isinstance(one, dict) and key in one for one in value):
            named = {str(one[key]): one for one in value}
            if len(named) == len(value):
                return named
    return {str(n): one for n, one in enumerate(value)}


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return shortened(text, LONGEST)
