"""TF-IDF with cosine, as textbooks have it: log counts, smooth idf, normalised; plain words."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from bench.memory_peers.bm25 import words


def tfidf(records: Sequence[str]) -> Callable[[str], list[float]]:
    """The scorer of `records`, with an inverted index."""
    counts = [Counter(words(text)) for text in records]
    holders = Counter(word for count in counts for word in count)
    idf = {word: math.log((1 + len(records)) / (1 + n)) + 1 for word, n in holders.items()}

    def weighed(count: Mapping[str, int]) -> dict[str, float]:
        raw = {word: (1 + math.log(times)) * idf[word] for word, times in count.items() if word in idf}
        length = math.sqrt(sum(w * w for w in raw.values())) or 1.0
        return {word: w / length for word, w in raw.items()}

    postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for n, count in enumerate(counts):
        for word, weight in weighed(count).items():
            postings[word].append((n, weight))

    def score(question: str) -> list[float]:
        scores = [0.0] * len(records)
        for word, weight in weighed(Counter(words(question))).items():
            for n, other in postings.get(word, ()):
                scores[n] += weight * other
        return scores

    return score
