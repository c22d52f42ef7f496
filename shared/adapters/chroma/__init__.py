"""Chroma: the index of what the fleet knows. The one place of the fleet that imports chromadb."""

from shared.adapters.chroma.library import ChromaLibrary

__all__ = ["ChromaLibrary"]
