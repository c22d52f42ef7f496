"""Log lines to templates: what varies from line to line is masked, what a programmer wrote is kept."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

DIGIT: Final = re.compile(r"\d")
VALUE: Final = re.compile(r"\"[^\"]*\"|(?<=[:=])\s?[^\s\[\](){},;:=\"]+")
"""A quoted text, a value behind : or =."""
REPEATED: Final = re.compile(r"\*(?:[\s,;:=.()\[\]{}]*\*)+")
FAILED: Final = frozenset(("error", "fatal", "critical", "severe", "emergency", "alert", "err"))
REFUSED: Final = re.compile(r"refus|reject|declin|not allowed|denied|forbidden|insufficient|exceed|limit|invalid", re.I)
"""Words with which programs say that a rule of the business stands against a request."""
READ: Final = 240
"""Characters of a line that are looked at."""
LONGEST: Final = 120
"""Characters of a template: what sets two statements apart stands at the beginning."""
MOST_WORDS: Final = 16_384
_PLAIN: Final[set[str]] = set()
"""Words without digits that have been seen: looking one up is quicker than looking through it. Filled but for speed."""


def template(message: str) -> str:
    """The line without what varies. Words with digits go first: what is left is seen again and again."""
    found, plain = DIGIT.search, _PLAIN
    words = message[:READ].split()
    return _values(" ".join([word if word in plain or not found(word) else "*" for word in words]))


@lru_cache(maxsize=8192)
def _values(line: str) -> str:
    if len(_PLAIN) < MOST_WORDS:
        _PLAIN.update(line.split())
    return REPEATED.sub("*", VALUE.sub("*", line))[:LONGEST]
