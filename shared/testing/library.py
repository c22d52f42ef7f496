"""The knowledge base in memory: held to the same contract as the adapter (tests/adapters/test_library_contract.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from shared.knowledge import Embedder, Recalled, Vector, Wanted
from shared.ports import Permanent, Transient
from shared.recall.document import Document
from shared.recall.rank import ranked


class LibraryTwin:
    """Fulfils `shared.knowledge.Library`. Compares with everything it holds."""

    def __init__(self, embedder: Embedder, documents: Sequence[Document] = ()) -> None:
        self._embedder = embedder
        self._kept: dict[str, tuple[Document, str, Vector]] | None = None
        """Document, the digest it was put with, vector. None: nobody has made the index yet."""
        self.away: Transient | Permanent | None = None
        """Raised by every call while it is set."""
        self.unsound = 0
        if documents:
            self.put(documents)

    def recall(self, wanted: Wanted) -> tuple[Recalled, ...]:
        kept = self._there()
        if self._kept is None:
            raise Transient("nothing has been indexed yet")
        (vector,) = self._embedder.embed((wanted.text,))
        sound = [(one, made) for one, digest, made in kept.values() if self._sound(one, digest)]
        return ranked(((one, float(np.dot(vector, made))) for one, made in sound), wanted)

    def held(self) -> Mapping[str, str]:
        kept = self._kept = self._there()
        return {id: digest if self._sound(one, digest) else "" for id, (one, digest, _) in kept.items()}

    def documents(self) -> Iterator[Document]:
        """All of it."""
        return iter([one for one, digest, _ in self._there().values() if one.digest == digest])

    def put(self, documents: Sequence[Document]) -> None:
        kept = self._kept = self._there()
        vectors = self._embedder.embed([one.passage for one in documents])
        kept |= {one.id: (one, one.digest, vector) for one, vector in zip(documents, vectors, strict=True)}

    def drop(self, ids: Sequence[str]) -> None:
        kept = self._there()
        for id in ids:
            kept.pop(id, None)

    def clear(self) -> None:
        self._there()
        self._kept = None

    def spoil(self, id: str, text: str) -> None:
        """Somebody else writes another text under a document's name."""
        one, digest, vector = self._there()[id]
        self._there()[id] = (replace(one, text=text), digest, vector)

    def _there(self) -> dict[str, tuple[Document, str, Vector]]:
        if self.away is not None:
            raise self.away
        return self._kept if self._kept is not None else {}

    def _sound(self, one: Document, digest: str) -> bool:
        sound = one.digest == digest
        self.unsound += not sound
        return sound
