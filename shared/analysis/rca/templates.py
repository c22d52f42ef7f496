"""Log lines to templates: what varies from line to line is masked, what a programmer wrote is kept."""

from __future__ import annotations

import re
from typing import Final

VARIABLE: Final = re.compile(r"\"[^\"]*\"|(?<!\S)[^\s\d\"]*\d\S*|(?<=[:=])\s?[^\s\[\](){},;:=\"]+")
"""A word with a digit, a value behind : or =, a quoted text."""
REPEATED: Final = re.compile(r"\*(?:[\s,;:=.()\[\]{}]*\*)+")
REFUSED: Final = re.compile(r"refus|reject|declin|not allowed|denied|forbidden|insufficient|exceed|limit|invalid", re.I)
"""Words with which programs say that a rule of the business stands against a request."""
READ: Final = 240
"""Characters of a line that are looked at."""
LONGEST: Final = 120
"""Characters of a template: what sets two statements apart stands at the beginning."""
FAILED: Final = frozenset(("error", "fatal", "critical", "severe", "emergency", "alert", "err"))


def template(message: str) -> str:
    """The line without what varies."""
    return REPEATED.sub("*", VARIABLE.sub("*", message[:READ]))[:LONGEST]
