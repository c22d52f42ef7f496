"""Frozen cases in memory: the twin of shared/adapters/case_files.py."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class MemoryCases:
    """`full`: it keeps nothing more, and says so."""

    full: bool = False
    texts: dict[str, bytes] = field(default_factory=dict)

    def keep(self, sha256: str, text: bytes) -> bool:
        if not self.full:
            self.texts[sha256] = text
        return not self.full

    def read(self, sha256: str) -> bytes | None:
        return self.texts.get(sha256)
