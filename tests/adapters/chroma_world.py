"""A knowledge base to hold to the contract: the twin, or the adapter on a Chroma server of its own process."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import requests

from shared.adapters.chroma import ChromaLibrary
from shared.recall.document import Document
from shared.recall.hashing import Hashed
from shared.testing.library import LibraryTwin
from tests.machine import ROOT, clean_environment

DATABASE: Final = "/api/v2/tenants/default_tenant/databases/default_database/collections"
NOW: Final = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class ChromaProcess:
    """`python -m embedded.chroma` on a free port."""

    def __init__(self, folder: Path) -> None:
        self._log = (folder / "chroma.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "embedded.chroma", "--data", str(folder / "data")],
            cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, stderr=self._log,
        )  # fmt: skip
        assert self._process.stdout is not None
        with self._process.stdout as answers:
            self.url = str(json.loads(answers.readline())["url"])

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> int:
        self._process.terminate()
        code = self._process.wait(10)
        self._log.close()
        return code


@dataclass(frozen=True, slots=True)
class World:
    """`spoil(id, text)`: somebody else changes a document's text in the store."""

    library: ChromaLibrary | LibraryTwin
    spoil: Callable[[str, str], None]


def twin() -> World:
    library = LibraryTwin(Hashed())
    return World(library, library.spoil)


def real(process: ChromaProcess) -> World:
    library = ChromaLibrary(process.url, f"o/{uuid.uuid4().hex}", Hashed(), recall_within=10.0)

    def spoil(id: str, text: str) -> None:
        made = requests.get(f"{process.url}{DATABASE}/{library.name}", timeout=10).json()
        changed = {"ids": [id], "documents": [text]}
        requests.post(f"{process.url}{DATABASE}/{made['id']}/update", json=changed, timeout=10).raise_for_status()

    return World(library, spoil)


def incident(number: int, text: str, service: str = "quote-service", **more: object) -> Document:
    """The document of a closed incident, a day old for each number."""
    given: dict[str, object] = {
        "id": f"incident-{number}-1",
        "kind": "incident",
        "title": f"{service} #{number}",
        "text": text,
        "source": f"https://example.test/o/r/issues/{number}",
        "proof": f"{number:064x}",
        "at": NOW - timedelta(days=number),
        "service": service,
        "issue": number,
    }
    return Document(**(given | more))  # type: ignore[arg-type]


def chunk(path: str, text: str, kind: str = "doc") -> Document:
    """A part of a file."""
    return Document(f"{path}#1", kind, path, text, f"{path}@abc", "f" * 40, NOW)  # type: ignore[arg-type]
