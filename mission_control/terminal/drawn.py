"""rich's console, but for how it ends when nobody reads any more: as everything here does (pipe.py)."""

from __future__ import annotations

from rich.console import Console


class Drawn(Console):
    """Where tables and coloured words are drawn."""

    def on_broken_pipe(self) -> None:
        """Raises the BrokenPipeError that this is called for."""
        raise  # noqa: PLE0704 - rich calls it in an except clause
