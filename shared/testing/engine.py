"""A container engine in memory: the twin of the Engine and Hands ports, with the faults a real one has.

Like dockerd, it finishes a restart it has begun, whoever asked and whether or not they are still there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from shared.ports import Container, ContainerEvent, Permanent, Transient
from shared.testing.clock import VirtualClock

Fault = Literal["refused", "answer-lost", "under-way", "no-effect"]
"""What befalls the next restart: `refused`: the request never arrives. `answer-lost`: it is done, the answer is lost.
`under-way`: the answer is not heard, and the stop phase has only begun. `no-effect`: the engine says done, and lies."""


@dataclass(slots=True)
class _UnderWay:
    """A restart the engine has accepted: the stop phase ends at `due` (monotonic s)."""

    name: str
    due: float


class MemoryEngine:
    """Containers by name in virtual time. `stop_takes` (s) is how long a patient takes to end when asked to.

    `step(point)` is called before and after each effect: tests interleave and crash there.
    """

    def __init__(
        self, clock: VirtualClock, *, stop_takes: float = 0.2, step: Callable[[str], None] = lambda _: None
    ) -> None:
        self.clock = clock
        self.step = step
        self.stop_takes = stop_takes
        self.restarts: list[tuple[str, float]] = []
        """(name, monotonic s) of every restart that took place."""
        self._containers: dict[str, Container] = {}
        self._events: list[ContainerEvent] = []
        self._logs: dict[str, list[str]] = {}
        self._under_way: list[_UnderWay] = []
        self._faults: list[Fault] = []
        self._down: str | None = None
        self._starts = 0

    # what a test does to the world

    def add(self, name: str, *, image: str = "patients:1", managed: bool = True, memory_limit: int = 0) -> Container:
        """Create and start a container (or recreate the one of this name, with a new id)."""
        self._starts += 1
        labels = {"sre-space.managed": "true"} if managed else {}
        self._containers[name] = Container(
            name=name,
            id=hashlib.sha256(f"{name}:{self._starts}".encode()).hexdigest(),
            image=image,
            started_at=self._stamp(),
            finished_at="0001-01-01T00:00:00Z",
            status="running",
            running=True,
            exit_code=0,
            oom_killed=False,
            health=None,
            restart_count=0,
            labels=labels,
            memory_limit=memory_limit,
        )
        self._say(name, "start")
        return self._containers[name]

    def kill(self, name: str, *, exit_code: int = 137, oom: bool = False) -> None:
        """End a container; `oom`: by its memory limit."""
        if oom:
            self._say(name, "oom")
        self._end(name, exit_code, oom=oom)

    def change(self, name: str, /, **fields: object) -> None:
        """Replace fields of a container, as somebody else's doing."""
        self._containers[name] = replace(self._containers[name], **fields)  # type: ignore[arg-type]

    def remove(self, name: str) -> None:
        del self._containers[name]
        self._say(name, "destroy")

    def say(self, name: str, line: str) -> None:
        """A line in the container's log."""
        self._logs.setdefault(name, []).append(line)

    def fail_next(self, *faults: Fault) -> None:
        """What befalls the next restarts, in order."""
        self._faults += faults

    def down(self, reason: str | None = "connection refused") -> None:
        """Every call fails as Transient until `down(None)`."""
        self._down = reason

    # the ports

    def inspect(self, name: str) -> Container:
        self._answer("inspect")
        if name not in self._containers:
            raise Permanent(f"no container named {name}")
        return self._containers[name]

    def managed(self) -> tuple[Container, ...]:
        self._answer("list")
        return tuple(c for c in self._containers.values() if c.managed)

    def logs(self, name: str, lines: int = 50) -> str:
        self._answer("logs")
        if name not in self._containers:
            raise Permanent(f"no container named {name}")
        return "".join(f"{line}\n" for line in self._logs.get(name, [])[-lines:])

    def events(self, since: datetime, stop: Callable[[], bool]) -> Iterator[ContainerEvent]:
        """Past and new events; between polls the caller's `stop` is what moves virtual time."""
        seen = 0
        while not stop():
            self._answer("events")
            for event in self._events[seen:]:
                seen += 1
                if event.at >= since:
                    yield event

    def restart(self, name: str, grace: timedelta) -> None:
        self._answer("restart-asked")
        if name not in self._containers:
            raise Permanent(f"no container named {name}")
        fault = self._faults.pop(0) if self._faults else None
        if fault == "refused":
            raise Transient("connection refused")
        if fault == "no-effect":
            return
        restart = _UnderWay(name, self.clock.monotonic() + min(self.stop_takes, grace.total_seconds()))
        if self._containers[name].running:
            self._say(name, "kill")
        self._under_way.append(restart)
        self.step("restart-under-way")
        if fault == "under-way":
            raise Transient("read timed out")
        if restart in self._under_way:
            self.clock.advance(max(0.0, restart.due - self.clock.monotonic()))
        self._finish_due()
        self.step("restart-done")
        if fault == "answer-lost":
            raise Transient("read timed out")

    # inside

    def _answer(self, point: str) -> None:
        self.step(point)
        self._finish_due()
        if self._down is not None:
            raise Transient(self._down)

    def _finish_due(self) -> None:
        due = [r for r in self._under_way if r.due <= self.clock.monotonic()]
        self._under_way = [r for r in self._under_way if r not in due]
        for restart in due:
            if restart.name in self._containers:
                self._restarted(restart.name)

    def _restarted(self, name: str) -> None:
        if self._containers[name].running:
            self._end(name, 143, oom=False)
        self._starts += 1
        before = self._containers[name]
        # dockerd leaves OOMKilled as it was
        self._containers[name] = replace(before, started_at=self._stamp(), running=True, status="running", exit_code=0)
        self.restarts.append((name, self.clock.monotonic()))
        self._say(name, "start")
        self._say(name, "restart")

    def _end(self, name: str, exit_code: int, *, oom: bool) -> None:
        before = self._containers[name]
        self._containers[name] = replace(
            before,
            running=False,
            status="exited",
            exit_code=exit_code,
            oom_killed=oom or before.oom_killed,
            finished_at=self._stamp(),
        )
        self._say(name, "die", exit_code)

    def _stamp(self) -> str:
        """RFC 3339 with nine digits, never the same twice, as dockerd writes it."""
        return f"{self.clock.now().strftime('%Y-%m-%dT%H:%M:%S.%f')}{self._starts:03d}Z"

    def _say(self, name: str, action: str, exit_code: int | None = None) -> None:
        container = self._containers.get(name)
        self._events.append(
            ContainerEvent(name, container.id if container else "", action, self.clock.now(), exit_code)
        )
