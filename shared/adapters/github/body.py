"""Comparing and merging bodies: whose words are whose."""

from __future__ import annotations

from typing import Final

from shared.incident.card import BEGIN, END, with_card, without_card
from shared.ports import Permanent

FLEET_BLOCK: Final = "<!-- sre-space:v"


def same_text(found: str, wrote: str) -> bool:
    """Whether GitHub shows what was written, whatever it made of line ends and outer blanks."""
    return _plain(found) == _plain(wrote)


def same_write(found: str, wrote: str) -> bool:
    """Whether `found` came of writing `wrote`: by its signed first line, which is unique, else by the whole text."""
    if wrote.startswith(FLEET_BLOCK):
        return _plain(found).partition("\n")[0] == _plain(wrote).partition("\n")[0]
    return same_text(found, wrote)


def rebased(now: str, wanted: str) -> str:
    """`wanted`'s status card in the body as it is `now`: people may have edited around it since it was read.

    Raises Permanent when the rest differs and `wanted` has no card to carry over.
    """
    if _plain(without_card(now)) == _plain(without_card(wanted)):
        return wanted
    card = _card(wanted)
    if card is None:
        raise Permanent("the issue's body was edited by somebody else; it is not overwritten")
    return with_card(now, card)


def _card(body: str) -> str | None:
    _, begin, rest = body.partition(BEGIN)
    card, end, _ = rest.partition(END)
    return card if begin and end else None


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
