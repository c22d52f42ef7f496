"""What may be wrong with a Chroma that answers."""

from __future__ import annotations

from shared.ports import Transient


class NotThere(Transient):
    """The collection is not there: nobody has put anything into it yet, or somebody cleared it just now."""
