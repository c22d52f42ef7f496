"""The engine's event stream: published once, replayed from a bounded history, followed live."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from embedded.engine.spec import ContainerSpec

Json = dict[str, Any]
HISTORY = 1000


class EventBus:
    """Events in dockerd's JSON. Publishing never blocks; each subscriber has a queue of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._history: deque[Json] = deque(maxlen=HISTORY)
        self._subscribers: list[queue.SimpleQueue[Json]] = []
        self._last = 0

    def publish(self, spec: ContainerSpec, action: str, **attributes: str) -> None:
        """Say that `action` (`start`, `die`, `oom`, …) happened to a container, now."""
        actor = {"ID": spec.id, "Attributes": {**spec.labels, "image": spec.image, "name": spec.name, **attributes}}
        with self._lock:
            self._last = now = max(time.time_ns(), self._last + 1)
            event: Json = {
                "status": action,
                "id": spec.id,
                "from": spec.image,
                "Type": "container",
                "Action": action,
                "Actor": actor,
                "scope": "local",
                "time": now // 1_000_000_000,
                "timeNano": now,
            }
            self._history.append(event)
            for subscriber in self._subscribers:
                subscriber.put(event)

    @contextmanager
    def subscribe(self, since: int | None = None) -> Iterator[queue.SimpleQueue[Json]]:
        """A queue holding the history from `since` (Unix ns) if given, then everything new, without gap or double."""
        inbox: queue.SimpleQueue[Json] = queue.SimpleQueue()
        with self._lock:
            if since is not None:
                for event in self._history:
                    if event["timeNano"] >= since:
                        inbox.put(event)
            self._subscribers.append(inbox)
        try:
            yield inbox
        finally:
            with self._lock:
                self._subscribers.remove(inbox)
