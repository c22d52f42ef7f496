"""Texts as vectors with nothing to download: feature hashing of words, pairs, character n-grams and concepts.

Feature hashing: Weinberger et al., Feature Hashing for Large Scale Multitask Learning, ICML 2009 (the sign of the hash
keeps collisions from adding up). What it is worth against BM25 and TF-IDF: `bench/README.md`. It ranks; its scores do
not tell the known from the unknown by a threshold.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.recall.stopwords import FAINT as FAINT_WORDS
from shared.recall.stopwords import STOP
from shared.recall.synonyms import BROAD, CONCEPTS, concepts
from shared.recall.words import words

DIMENSIONS: Final = 1024
WORD: Final = 1.0
PAIR: Final = 0.5
PART: Final = 0.8
"""Of one character n-gram, before it is shared among those of its word: what typing errors and compounds leave."""
CONCEPT: Final = 1.3
BROAD_CONCEPT: Final = 0.8
FAINT: Final = 0.4
"""Of a word that stands in most incidents, and of a number that is no status."""
GRAM: Final = 4
_AXES: Final = {f"s {concept}": axis for axis, concept in enumerate(CONCEPTS)}
"""Concepts have axes of their own, the first ones: they matter too much to collide."""


class Hashed:
    """The default embedder. Pure; the same text has the same vector on every machine."""

    def __init__(self, dimensions: int = DIMENSIONS, *, synonyms: bool = True) -> None:
        self._dimensions = dimensions
        self._synonyms = synonyms

    @property
    def name(self) -> str:
        """Changes with every change of what a text's vector is."""
        return f"hashed-1-{self._dimensions}{'' if self._synonyms else '-words'}"

    @property
    def dimensions(self) -> int:
        return self._dimensions

    def embed(self, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """One vector a text, of length 1. A text without words has one of its own."""
        return tuple(tuple(self.vector(text).tolist()) for text in texts)

    def vector(self, text: str) -> NDArray[np.float64]:
        """`embed` of one text, shape (dimensions,)."""
        made = np.zeros(self._dimensions)
        for feature, weight in features(text, synonyms=self._synonyms).items():
            axis = _AXES.get(feature)
            if axis is not None:
                made[axis] += weight
                continue
            place = _hash(feature)
            made[len(_AXES) + (place >> 1) % (self._dimensions - len(_AXES))] += weight if place & 1 else -weight
        length = float(np.linalg.norm(made))
        if length < 1e-9:  # nothing in it, or all of it cancelled out
            made[:] = 0.0
            made[0] = length = 1.0
        made /= length
        return made


def features(text: str, *, synonyms: bool = True) -> dict[str, float]:
    """What is hashed, with its weight. Counts are dampened: 1 + ln(count)."""
    stems = words(text)
    weights: dict[str, float] = {}
    said = [word for word in stems if word not in STOP and (len(word) > 1 or word.isdigit())]
    for word, count in Counter(said).items():
        often = 1.0 + float(np.log(count))
        weight = often * (FAINT if _faint(word) else 1.0)
        weights[f"w {word}"] = WORD * weight
        grams = tuple(_grams(word))
        for gram in grams:
            key = f"c {gram}"
            weights[key] = weights.get(key, 0.0) + PART * weight / len(grams) ** 0.5
    for pair, count in Counter(pairwise(said)).items():
        faint = FAINT if all(_faint(word) for word in pair) else 1.0
        weights[f"p {pair[0]} {pair[1]}"] = PAIR * faint * (1.0 + float(np.log(count)))
    for concept, count in Counter(concepts(stems) if synonyms else ()).items():
        weights[f"s {concept}"] = (BROAD_CONCEPT if concept in BROAD else CONCEPT) * (1.0 + float(np.log(count)))
    return weights


def _faint(word: str) -> bool:
    return word in FAINT_WORDS or (word.isdigit() and len(word) != 3)


def _grams(word: str) -> Iterator[str]:
    """Runs of GRAM characters of `word` with its ends marked; none of a number or a word too short to be misspelt."""
    if len(word) < GRAM or word.isdigit():
        return
    framed = f"<{word}>"
    for at in range(len(framed) - GRAM + 1):
        yield framed[at : at + GRAM]


@lru_cache(maxsize=16_384)
def _hash(feature: str) -> int:
    return int.from_bytes(hashlib.blake2b(feature.encode("utf-8", "replace"), digest_size=8).digest(), "little")
