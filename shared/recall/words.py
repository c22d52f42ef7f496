"""A text as plain words: whatever writing it came in, in one form, and never more of it than can be paid for."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_CHARACTERS: Final = 12_000
"""What is read of one text: three quarters from its beginning, one from its end, where a traceback says what it is."""
MAX_WORDS: Final = 2_000
MAX_WORD: Final = 40
"""Longer runs are encoded data, not words."""
_WORD: Final = re.compile(r"[^\W_]+")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where `OOMKilled` and `KeyError` fall into words."""
_ID: Final = re.compile(r"(?=[a-z]*\d)(?=\d*[a-z])[0-9a-f]{6,}|\d{4,}")
"""Hashes, ids, dates, byte counts: of one incident alone, so that they make nothing alike."""
_SUFFIXES: Final = (
    ("ies", "y"),
    ("sses", "ss"),
    ("ing", ""),
    ("ied", "y"),
    ("ed", ""),
    ("ly", ""),
    ("es", "e"),
    ("s", ""),
)
_KEPT: Final = ("ss", "us", "is")
"""Endings whose s is no plural: process, status, redis."""


def words(text: str) -> tuple[str, ...]:
    """The words of `text` in order, folded (case, accents, writing) and stemmed; what nobody can see is left out."""
    found: list[str] = []
    for run in _WORD.findall(plain(text)):
        if len(run) > MAX_WORD:
            continue
        for part in _HUMP.split(run) if not (run.islower() or run.isdigit()) else (run,):
            word = part.casefold()
            if not _ID.fullmatch(word):
                found.append(stem(word))
        if len(found) >= MAX_WORDS:
            break
    return tuple(found[:MAX_WORDS])


def plain(text: str) -> str:
    """`text` cut to what is read of it, decomposed (NFKD) without marks, controls and invisible characters.

    Marks go first: sorting long runs of them is what makes normalising slow.
    """
    if len(text) > MAX_CHARACTERS:
        text = text[: MAX_CHARACTERS * 3 // 4] + " " + text[-MAX_CHARACTERS // 4 :]
    if text.isascii():
        return text
    return _visible(unicodedata.normalize("NFKD", _visible(text)))[:MAX_CHARACTERS]


def _visible(text: str) -> str:
    kept = []
    for character in text:
        kind = unicodedata.category(character)[0]
        if character.isspace():
            kept.append(" ")
        elif kind not in "MC":
            kept.append(character)
    return "".join(kept)


def stem(word: str) -> str:
    """`word` without its commonest English endings, so that `killed`, `kills` and `killing` are one. Crude on purpose:
    wrong stems are wrong alike on both sides."""
    if len(word) < 5 or not word.isascii() or word.endswith(_KEPT):
        return word
    for suffix, instead in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            base = word[: len(word) - len(suffix)] + instead
            return base[:-1] if len(base) > 4 and base[-1] == "e" else base
    return word[:-1] if word[-1] == "e" else word
