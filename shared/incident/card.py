"""The status card: the one part of an issue's body that the fleet edits in place. It carries no facts."""

from __future__ import annotations

import re
from typing import Final

BEGIN: Final = "<!-- sre-space:card -->"
END: Final = "<!-- /sre-space:card -->"
_CARD: Final = re.compile(re.escape(BEGIN) + r".*?" + re.escape(END) + r"\n*", re.DOTALL)


def without_card(text: str) -> str:
    """`text` as it was written by people and facts."""
    return _CARD.sub("", text)


def with_card(body: str, card: str) -> str:
    """`body` with `card` as its only card: in place of the old one, else below the first line (the signed block)."""
    block = f"{BEGIN}\n{card.replace(END, '').strip()}\n{END}\n\n"
    if _CARD.search(body):
        return _CARD.sub(lambda _: block, body, count=1)
    first, newline, rest = body.partition("\n")
    return f"{first}{newline}{block}{rest}"
