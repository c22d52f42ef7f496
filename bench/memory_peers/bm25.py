"""Okapi BM25 as in Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009; k1 1.2, b 0.75, plain words."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Final

K1: Final = 1.2
B: Final = 0.75


def bm25(records: Sequence[str]) -> Callable[[str], list[float]]:
    """The scorer of `records`, with an inverted index."""
    counts = [Counter(words(text)) for text in records]
    lengths = [sum(count.values()) for count in counts]
    mean = sum(lengths) / len(lengths)
    postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for n, count in enumerate(counts):
        for word, times in count.items():
            postings[word].append((n, times))

    def score(question: str) -> list[float]:
        scores = [0.0] * len(records)
        for word in words(question):
            holders = postings.get(word, ())
            idf = math.log(1 + (len(records) - len(holders) + 0.5) / (len(holders) + 0.5))
            for n, times in holders:
                scores[n] += idf * times * (K1 + 1) / (times + K1 * (1 - B + B * lengths[n] / mean))
        return scores

    return score


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
