"""The containers of a docker engine as the deployer needs them: seen, made anew, judged by health."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from mission_control.deployer.plan import Seen
from mission_control.world.patients import RELEASE, SPEC

if TYPE_CHECKING:
    from docker.client import DockerClient
    from docker.models.containers import Container

log = logging.getLogger("mission_control.deployer")

GRACE: Final = 3
"""Seconds from SIGTERM to SIGKILL: longer than a service takes for requests under way."""


class Engine:
    """One docker host. Every method raises docker's DockerException or requests' errors when it does not answer."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client

    def there(self, names: Iterable[str]) -> dict[str, Seen]:
        """What is there of these."""
        found = {}
        for name in names:
            container = self._get(name)
            if container is not None:
                labels = container.labels
                found[name] = Seen(labels.get(SPEC, ""), container.status, labels.get(RELEASE, ""))
        return found

    def make(self, options: Mapping[str, Any]) -> None:
        """Put this container in the place of the one of its name, which is stopped in peace first."""
        old = self._get(options["name"])
        if old is not None:
            if old.status in ("running", "restarting"):
                old.stop(timeout=GRACE)
            old.remove(force=True)
        self._client.containers.create(**options)
        self.begin(options["name"])

    def begin(self, name: str) -> None:
        """Start it unless it runs."""
        self._client.containers.get(name).start()

    def health(self, name: str) -> str:
        """`healthy`, `starting`, `unhealthy`, or how it ended: `exited with 2`; `gone` when there is none."""
        container = self._get(name)
        if container is None:
            return "gone"
        state = container.attrs["State"]
        if state.get("Restarting"):
            return "starting"
        if not state["Running"]:
            return "out of memory" if state.get("OOMKilled") else f"exited with {state['ExitCode']}"
        return str(state.get("Health", {}).get("Status", "healthy"))

    def last_line(self, name: str) -> str:
        """The last thing it said: the event of a JSON log line, else the line."""
        container = self._get(name)
        lines = container.logs(tail=20).decode(errors="replace").strip().splitlines() if container is not None else []
        line = lines[-1] if lines else ""
        try:
            said = json.loads(line)
        except ValueError:
            return line
        return str(said["event"]) if isinstance(said, dict) and "event" in said else ""

    def keep_images(self, repository: str, tags: Collection[str]) -> None:
        """Remove every other tag of `repository`; the engine keeps what a container still runs from."""
        from docker.errors import APIError

        for tag in (tag for image in self._client.images.list(repository) for tag in image.tags if tag not in tags):
            try:
                self._client.images.remove(tag)
            except APIError as no:
                log.info("%s stays: %s", tag, no.explanation)

    def label(self, name: str, label: str) -> str | None:
        """One label of a container, if it is there."""
        container = self._get(name)
        return container.labels.get(label) if container is not None else None

    def _get(self, name: str) -> Container | None:
        from docker.errors import NotFound

        try:
            return self._client.containers.get(name)
        except NotFound:
            return None
