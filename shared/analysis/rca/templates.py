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


def template(message: str) -> str:
    """The line without what varies. Words with digits go first: what is left is seen again and again."""
    found = DIGIT.search
    return _values(" ".join(["*" if found(word) else word for word in message[:READ].split()]))


@lru_cache(maxsize=8192)
def _values(line: str) -> str:
    return REPEATED.sub("*", VALUE.sub("*", line))[:LONGEST]
