"""Textbook retrieval to compare with: nothing of ours in it, fitted on the records it searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from bench.memory_peers.bm25 import bm25
from bench.memory_peers.tfidf import tfidf

Score = Callable[[str], list[float]]
"""How well each record answers a question, in the records' order."""
PEERS: Final[Mapping[str, Callable[[Sequence[str]], Score]]] = {"BM25": bm25, "TF-IDF": tfidf}
