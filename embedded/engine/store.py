"""What the engine remembers of a container across its own death: one folder each, replaced atomically."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embedded.engine.spec import ContainerSpec, parse_spec
from embedded.engine.state import ContainerState


class Store:
    """`DIR/containers/ID/{spec,state}.json`. Safe against kill -9 of the engine; power loss is not its concern."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "containers"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # environments may hold secrets

    def folder(self, container_id: str) -> Path:
        """Where a container's files are."""
        return self._folder / container_id

    def create(self, spec: ContainerSpec, body: dict[str, Any]) -> None:
        """Remember a new container."""
        self.folder(spec.id).mkdir()
        self.save(spec.id, ContainerState())
        _replace(self.folder(spec.id) / "spec.json", {"name": spec.name, "created": spec.created, "body": body})

    def save(self, container_id: str, state: ContainerState) -> None:
        """Remember its state."""
        _replace(self.folder(container_id) / "state.json", state.dump())

    def delete(self, container_id: str) -> None:
        """Forget it: gone in one step, its files after that."""
        doomed = self._folder / f".removed-{container_id}"
        self.folder(container_id).rename(doomed)
        shutil.rmtree(doomed)

    def load(self) -> Iterator[tuple[ContainerSpec, ContainerState]]:
        """All containers, oldest first; what a crash left half made or half removed is cleared away."""
        found = []
        for folder in self._folder.iterdir():
            spec_file = folder / "spec.json"
            if folder.name.startswith(".") or not spec_file.exists():
                shutil.rmtree(folder)
                continue
            data = json.loads(spec_file.read_text())
            spec = parse_spec(folder.name, data["name"], data["created"], data["body"])
            found.append((spec, ContainerState.load(json.loads((folder / "state.json").read_text()))))
        yield from sorted(found, key=lambda pair: pair[0].created)


def _replace(path: Path, data: dict[str, Any]) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(data))
    temporary.replace(path)
