"""The status card: the one part of an issue's body that the fleet edits in place. It carries no facts."""

from __future__ import annotations

import re
from typing import Final

BEGIN: Final = "<!-- sre-space:card -->"
END: Final = "<!-- /sre-space:card -->"
_CARD: Final = re.compile(f"{re.escape(BEGIN)}(?:(?!{re.escape(BEGIN)}).)*?{re.escape(END)}(?:\r?\n){{0,2}}", re.DOTALL)


def without_card(text: str) -> str:
    """`text` as it was written by people and facts."""
    return _CARD.sub("", text)


def with_card(body: str, card: str) -> str:
    """`body` with `card` as its only card: in place of the old one, else below the first line (the signed block)."""
    block = f"{BEGIN}\n{card.replace('<!--', '&lt;!--').strip()}\n{END}\n\n"
    if old := _CARD.search(body):
        return f"{body[: old.start()]}{block}{without_card(body[old.end() :])}"
    first, _, rest = body.partition("\n")
    return f"{first}\n{block}{rest}"
