"""The knowledge base that the settings name, with the embedding they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mission_control.exits import Ended
from mission_control.fleet.adviser import OPENAI
from mission_control.settings import Settings

if TYPE_CHECKING:
    from shared.adapters.chroma import ChromaLibrary
    from shared.knowledge import Embedder


class NoKnowledge(Ended):
    """The knowledge base cannot be asked; the message says why."""


def embedder_of(settings: Settings) -> Embedder:
    """The model that is set, else our own hashing. Asks nothing yet."""
    if settings.embedding_model is None:
        from shared.recall.hashing import Hashed

        return Hashed()
    from shared.adapters.model.embedding import EndpointEmbedder

    return EndpointEmbedder(settings.embedding_url or OPENAI, settings.embedding_model, settings.embedding_key)


def library_of(settings: Settings, repository: str, recall_within: float = 1.0) -> ChromaLibrary | None:
    """The index of `repository` (owner/name); None where no Chroma is set. Asks nothing yet."""
    if settings.chroma_url is None:
        return None
    from shared.adapters.chroma import ChromaLibrary

    return ChromaLibrary(settings.chroma_url, repository, embedder_of(settings), recall_within)
