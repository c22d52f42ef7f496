"""All containers of one engine: made, found, listed, restored after a crash, stopped at the end."""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from embedded.engine.container import Container
from embedded.engine.errors import ApiError, no_such_container, no_such_image
from embedded.engine.events import EventBus
from embedded.engine.launcher import Launcher
from embedded.engine.lifecycle import Machinery
from embedded.engine.memory import MemoryWatch
from embedded.engine.pump import LogPump
from embedded.engine.restart_policy import starts_with_the_engine
from embedded.engine.spec import image_id, parse_spec
from embedded.engine.state import ContainerState
from embedded.engine.store import Store
from embedded.engine.warden import COOKIE

log = logging.getLogger("engine")
SHUTDOWN_GRACE = 1.5
"""Seconds a container has after SIGTERM when the engine stops, so that all of it stays under 3 s."""


class DataInUse(Exception):
    """Another engine owns this data folder."""


class Registry:
    """The engine without its sockets. One per data folder, enforced by a lock on `DIR/lock`."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._lock_file = (data / "lock").open("a+")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataInUse(f"another engine is running on {data}") from error
        self.data = data
        self.bus = EventBus()
        self.stopping = threading.Event()
        self._store = Store(data)
        self._machinery = Machinery(Launcher(), LogPump(), MemoryWatch(), self.bus, self._store)
        self._lock = threading.Lock()
        self._containers: dict[str, Container] = {}

    def restore(self) -> None:
        """Know the containers of before, end what a killed engine left, and start what ran or always runs."""
        resumed = []
        for spec, state in self._store.load():
            was_running = state.running
            if was_running:
                state.running = state.restarting = False
                state.pid, state.exit_code, state.finished_at = 0, 137, time.time_ns()
                if state.health:
                    state.health.status = "unhealthy"
                self._store.save(spec.id, state)
            container = self._containers[spec.id] = Container(spec, state, self._machinery)
            if starts_with_the_engine(spec.restart, was_running=was_running, manually_stopped=state.manually_stopped):
                resumed.append(container)
        _end_leftovers(set(self._containers))
        for container in resumed:
            container.resume()

    def create(self, name: str | None, body: dict[str, Any]) -> Container:
        """A new container, not started. Raises ApiError 400 for a bad body, 409 for a name that is taken."""
        container_id = secrets.token_hex(32)
        spec = parse_spec(container_id, name or f"container_{container_id[:8]}", time.time_ns(), body)
        with self._lock:
            for other in self._containers.values():
                if other.spec.name == spec.name:
                    raise ApiError(
                        409,
                        f'Conflict. The container name "/{spec.name}" is already in use by container '
                        f'"{other.spec.id}". You have to remove (or rename) that container to be able '
                        "to reuse that name.",
                    )
            self._store.create(spec, body)
            container = self._containers[spec.id] = Container(spec, ContainerState(), self._machinery)
            self.bus.publish(spec, "create")
        return container

    def get(self, reference: str) -> Container:
        """By id, name or unambiguous start of the id. Raises ApiError 404, or 400 when ambiguous."""
        wanted = reference.removeprefix("/")
        with self._lock:
            if wanted in self._containers:
                return self._containers[wanted]
            for container in self._containers.values():
                if container.spec.name == wanted:
                    return container
            found = [c for i, c in self._containers.items() if wanted and i.startswith(wanted)]
        if len(found) > 1:
            raise ApiError(400, f"Multiple IDs found with provided prefix: {wanted}")
        if not found:
            raise no_such_container(reference)
        return found[0]

    def all(self) -> list[Container]:
        """Newest first, as `docker ps -a` lists them."""
        with self._lock:
            return sorted(self._containers.values(), key=lambda c: c.spec.created, reverse=True)

    def remove(self, reference: str, *, force: bool) -> None:
        """Delete a container; see Container.remove."""
        container = self.get(reference)
        container.remove(force=force)
        with self._lock:
            self._containers.pop(container.spec.id, None)

    def remove_when_exited(self, container: Container) -> None:
        """HostConfig.AutoRemove: gone after its next exit."""

        def work() -> None:
            while not self.stopping.is_set() and not container.removed:
                container.wait("not-running", self.stopping)
                try:
                    self.remove(container.spec.id, force=False)
                except ApiError as refused:
                    if refused.status != 409:  # 409: it was started again meanwhile
                        return

        threading.Thread(target=work, name="auto-remove", daemon=True).start()

    def image(self, reference: str) -> tuple[str, int]:
        """(name, first use in Unix ns) of an image, by name or id; known are those some container uses.

        Raises ApiError 404.
        """
        wanted = reference.removesuffix(":latest")
        for container in reversed(self.all()):
            name = container.spec.image
            known = image_id(name)
            if wanted in (name.removesuffix(":latest"), known) or (wanted and known.split(":")[1].startswith(wanted)):
                return name, container.spec.created
        raise no_such_image(reference)

    def close(self) -> None:
        """Stop every container within the shutdown grace, then the warden; nothing is left when this returns."""
        self.stopping.set()
        stops: list[Callable[[float], None]] = [container.shut_down for container in self.all()]
        with ThreadPoolExecutor(max_workers=max(1, len(stops))) as pool:
            for _ in pool.map(lambda stop: stop(SHUTDOWN_GRACE), stops):
                pass
        self._machinery.launcher.close()
        self._lock_file.close()


def _end_leftovers(container_ids: set[str]) -> None:
    """SIGKILL whatever still carries the cookie of one of these containers, and wait until it is gone.

    The warden has normally done this; it matters when warden and engine were killed together.
    """
    cookies = {f"{COOKIE}={prefix}{i}".encode() for i in container_ids for prefix in ("", "probe-")}
    deadline = time.monotonic() + 5
    while cookies and (left := [pid for pid in _pids() if _environment(pid) & cookies]):
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            log.error("processes of an earlier engine do not end: %s", left)
            return
        time.sleep(0.01)


def _pids() -> list[int]:
    proc = Path("/proc")
    return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()] if proc.exists() else []


def _environment(pid: int) -> set[bytes]:
    try:
        return set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    except OSError:
        return set()
