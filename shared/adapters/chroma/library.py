"""The index in Chroma, over HTTP. Fulfils `shared.knowledge.Library`.

One collection holds what one embedding made for one fleet. A document is stored with its digest; one that is no longer
what its digest says is not found, and `held` shows it as something to be put again.

chromadb is loaded at the first use, in a thread of its own: it takes half a second and 30 MB, and whoever is started
while Chroma is away must not notice.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from shared.adapters.chroma.failures import NotThere
from shared.adapters.chroma.stored import document, metadata
from shared.knowledge import Embedder, Recalled, Vector, Wanted
from shared.ports import Permanent, Transient
from shared.recall.document import Document
from shared.recall.rank import POOL, ranked

if TYPE_CHECKING:
    from chromadb.api.fastapi import FastAPI
    from chromadb.api.models.Collection import Collection

RECALL_WITHIN_S: Final = 1.0
WRITE_WITHIN_S: Final = 15.0
"""Of one batch or page."""
BATCH: Final = 64
PAGE: Final = 500
LAYERS: Final = 4
"""Questions that one search may take, each for what the ones before did not show."""
FEW: Final = 3
"""Causes or services among POOL documents that look like one fault coming back."""
MOST_COLLECTIONS: Final = 1_000
SPACE: Final = {"hnsw": {"space": "cosine", "max_neighbors": 32, "ef_construction": 200, "ef_search": 400}}
"""More than usual (16, 100, 100), so that few among many that are alike are lost: bench/knowledge.py. With 64 links it
takes 7 s instead of 0.7 s to add 64 documents to 500 that are the same."""
_CONTENT: Final[list[Any]] = ["metadatas", "documents"]
_NO_CHROMA: Final = (KeyError, ValueError, TypeError, AttributeError, IndexError)
T = TypeVar("T")
Where = dict[str, Any]
"""A condition in Chroma's words."""


class ChromaLibrary:
    """Thread-safe. Several processes may read; Memory writes, and everybody writes what GitHub says."""

    def __init__(self, url: str, fleet: str, embedder: Embedder, recall_within: float = RECALL_WITHIN_S) -> None:
        """`url`: such as http://127.0.0.1:8000. `fleet`: `owner/name`; several may share a server. `recall_within`:
        seconds; of it loading and embedding are no part."""
        self._url = url.rstrip("/")
        self._fleet = fleet
        self._embedder = embedder
        self._recall_within = recall_within
        self._lock = threading.Lock()
        self._loading: threading.Thread | None = None
        self._client: FastAPI | None = None
        self._broken: str | None = None
        self._collection: Collection | None = None
        self.unsound = 0
        """Documents that were not what their digest says, each time they were met."""

    @property
    def embedder(self) -> str:
        """The name of the embedding."""
        return self._embedder.name

    @property
    def name(self) -> str:
        """Of the collection."""
        made = hashlib.sha256(f"{self._fleet}\n{self._embedder.name}".encode()).hexdigest()[:16]
        return f"sre-space-{made}"

    def warm(self) -> None:
        """Begin to load, without waiting for it."""
        with self._lock:
            if self._loading is None:
                self._loading = threading.Thread(target=self._load, name="chromadb", daemon=True)
                self._loading.start()

    def recall(self, wanted: Wanted) -> tuple[Recalled, ...]:
        """The best documents first. Raises Transient where there is no index for this embedding yet."""
        (vector,) = self._embedder.embed((wanted.text,))
        until = time.monotonic() + self._recall_within
        conditions: list[Where] = [{"kind": {"$in": list(wanted.kinds)}}]
        if wanted.besides:
            conditions.append({"issue": {"$ne": wanted.besides}})
        found = self._peeled(vector, conditions, "service", until)
        if wanted.service:
            found |= self._peeled(vector, [*conditions, {"service": wanted.service}], "cause", until)
        return ranked(found.values(), wanted)

    def held(self) -> Mapping[str, str]:
        """Every document's id with its digest; with an empty one where it is not what its digest says."""
        return {id: "" if one is None else one.digest for id, one in self._pages(create=True)}

    def documents(self) -> Iterator[Document]:
        """All of it. Raises Transient where there is no index for this embedding yet."""
        return (one for _, one in self._pages(create=False) if one is not None)

    def put(self, documents: Sequence[Document]) -> None:
        newest = tuple({one.id: one for one in documents}.values())
        for start in range(0, len(newest), BATCH):
            self._put(newest[start : start + BATCH])

    def drop(self, ids: Sequence[str]) -> None:
        gone = list(dict.fromkeys(ids))
        for start in range(0, len(gone), PAGE):
            some = gone[start : start + PAGE]
            try:
                self._with(lambda c, some=some: c.delete(ids=some), self._soon(), create=False)  # type: ignore[misc]
            except NotThere:
                return

    def clear(self) -> None:
        for name in self._ours():
            try:
                self._ask(lambda server, name=name: server.delete_collection(name), self._soon())  # type: ignore[misc]
            except NotThere:
                continue  # somebody else was faster
        self._collection = None

    def embeddings(self) -> tuple[str, ...]:
        """The names of all embeddings that this fleet has an index of."""
        return tuple(sorted(self._ours().values()))

    def close(self) -> None:
        """End its connections; it may be used again."""
        with self._lock:
            client, self._client, self._loading, self._collection = self._client, None, None, None
        if client is not None:
            client._session.close()

    def _put(self, documents: Sequence[Document]) -> None:
        vectors = [list(vector) for vector in self._embedder.embed([one.passage for one in documents])]
        content: dict[str, Any] = {
            "ids": [one.id for one in documents],
            "embeddings": vectors,
            "documents": [one.text for one in documents],
            "metadatas": [metadata(one) for one in documents],
        }
        self._with(lambda collection: collection.upsert(**content), self._soon(), create=True)

    def _peeled(self, vector: Vector, all_of: list[Where], by: str, until: float) -> dict[str, tuple[Document, float]]:
        """The nearest of what fits `all_of`; where those are POOL and hardly differ in `by`, also the nearest of the
        rest: a fault that keeps coming back does not hide the others."""
        found: dict[str, tuple[Document, float]] = {}
        seen: set[str] = set()
        for _ in range(LAYERS):
            others: list[Where] = [{by: {"$nin": sorted(seen)}}] if seen else []
            layer = dict(self._nearest(vector, [*all_of, *others], until))
            found |= layer
            shown = {str(getattr(one, by)) for one, _ in layer.values()}
            if len(layer) < POOL or len(shown) > FEW:
                break
            seen |= shown
        return found

    def _nearest(
        self, vector: Vector, all_of: list[Where], until: float
    ) -> Iterator[tuple[str, tuple[Document, float]]]:
        """The POOL nearest of what fits `all_of`, by id, with the cosine.

        Chroma searches a graph, and a filter only picks from what it comes by: among many that are alike, one that is
        not may have no way to it. Where fewer are found than fit, the others are compared here.
        """
        where: Where = all_of[0] if len(all_of) == 1 else {"$and": all_of}
        asked: dict[str, Any] = {"query_embeddings": [list(vector)], "n_results": POOL, "where": where}
        near = self._rows(lambda c: c.query(**asked, include=[*_CONTENT, "distances"]), until, "distances")
        yield from ((id, (one, 1.0 - float(distance))) for id, one, distance in near if one is not None)
        if len(near) >= POOL:
            return
        fits = self._with(lambda c: c.get(where=where, limit=POOL, include=[])["ids"], until, create=False)
        missed = [id for id in fits if id not in {id for id, *_ in near}]
        if missed:
            rest = self._rows(lambda c: c.get(ids=missed, include=[*_CONTENT, "embeddings"]), until, "embeddings")
            yield from ((id, (one, float(np.dot(vector, made)))) for id, one, made in rest if one is not None)

    def _pages(self, *, create: bool) -> Iterator[tuple[str, Document | None]]:
        offset = 0
        while True:
            page: dict[str, Any] = {"limit": PAGE, "offset": offset, "include": _CONTENT}
            rows = self._rows(lambda c, page=page: c.get(**page), self._soon(), create=create)  # type: ignore[misc]
            yield from ((id, one) for id, one, _ in rows)
            if len(rows) < PAGE:
                return
            offset += len(rows)

    def _rows(
        self, ask: Callable[[Collection], Any], until: float, also: str = "ids", *, create: bool = False
    ) -> list[tuple[str, Document | None, Any]]:
        """What an answer holds: id, document (None: unsound), and one column more."""

        def read(collection: Collection) -> list[tuple[Any, ...]]:
            said = ask(collection)
            columns = [said[name] for name in ("ids", "documents", "metadatas", also)]
            if columns[0] and isinstance(columns[0][0], list):
                columns = [column[0] for column in columns]  # of the one query
            return list(zip(*columns, strict=True))

        found = self._with(read, until, create=create)
        return [(id, self._sound(id, text, kept), more) for id, text, kept, more in found]

    def _sound(self, id: str, text: object, kept: Mapping[str, object] | None) -> Document | None:
        one = document(id, text, kept)
        if one is None:
            self.unsound += 1
        return one

    def _soon(self) -> float:
        return time.monotonic() + WRITE_WITHIN_S

    def _with(self, do: Callable[[Collection], T], until: float, *, create: bool) -> T:
        """`do` with the collection; once more where it was cleared in the meantime."""
        known = self._collection
        if known is not None:
            try:
                return self._ask(lambda _: do(known), until)
            except NotThere:
                self._collection = None
        fresh = self._collection = self._ask(lambda server: self._opened(server, create), until)
        return self._ask(lambda _: do(fresh), until)

    def _opened(self, server: FastAPI, create: bool) -> Collection:
        from chromadb.api.models.Collection import Collection

        if not create:
            return Collection(client=server, model=server.get_collection(self.name), embedding_function=None)
        told = {
            "what": f"what SRE-Space knows about {self._fleet}; made from GitHub, may be deleted at any time",
            "fleet": self._fleet,
            "embedding": self._embedder.name,
        }
        made = server.get_or_create_collection(self.name, configuration=SPACE, metadata=told)  # type: ignore[arg-type]
        return Collection(client=server, model=made, embedding_function=None)

    def _ours(self) -> dict[str, str]:
        """Collection to embedding, of this fleet."""
        listed = self._ask(lambda server: server.list_collections(limit=MOST_COLLECTIONS), self._soon())
        mine = (model for model in listed if (model.metadata or {}).get("fleet") == self._fleet)
        return {model.name: str((model.metadata or {}).get("embedding", "")) for model in mine}

    def _ask(self, do: Callable[[FastAPI], T], until: float) -> T:
        """Raises Transient, Permanent."""
        server = self._loaded(until)
        from shared.adapters.chroma.wire import within

        with within(until):
            return self._read(lambda: do(server))

    def _read(self, do: Callable[[], T]) -> T:
        """What chromadb makes of an answer that is none of Chroma's ends here."""
        try:
            return do()
        except _NO_CHROMA as error:
            raise Permanent(f"{self._url} answers as no Chroma does: {type(error).__name__}") from error

    def _loaded(self, until: float) -> FastAPI:
        self.warm()
        if self._client is None and self._loading is not None:
            self._loading.join(max(until - time.monotonic(), 0.0))
        if self._broken is not None:
            raise Permanent(self._broken)
        if self._client is None:
            raise Transient("chromadb is still being loaded")
        return self._client

    def _load(self) -> None:
        try:
            from shared.adapters.chroma.wire import client
        except ImportError as error:
            self._broken = f"chromadb cannot be loaded: {error}"
            return
        self._client = client(self._url)
