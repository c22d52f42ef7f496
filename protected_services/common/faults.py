"""Faults: one middleware and a handler for each; the business functions know nothing of them.

To add one, write a handler here and an entry in `protected_services/faults.json`.
"""

import asyncio
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from protected_services.common.faultfile import Fault
from protected_services.common.observe import QUIET_PATHS

log = logging.getLogger(__name__)

MEGABYTE = 1_000_000


class ConnectionPoolExhausted(Exception):
    """No connection to the records database became free within 30 s."""


@dataclass(frozen=True, slots=True)
class Process:
    """What a fault may get hold of: the event loop, and when the process started (epoch s)."""

    loop: asyncio.AbstractEventLoop
    started_at: float


class Effect(Protocol):
    """A fault of the whole process, begun and ended from the watching thread."""

    def begin(self) -> None: ...

    def end(self) -> None: ...


class _Threaded:
    """An effect that works in a thread of its own until it is ended."""

    def __init__(self, fault: Fault, process: Process) -> None:
        self.fault, self.process = fault, process
        self.ended = threading.Event()

    def begin(self) -> None:
        threading.Thread(target=self.work, name=self.fault.fault, daemon=True).start()

    def end(self) -> None:
        self.ended.set()

    def work(self) -> None:
        raise NotImplementedError


class Leak(_Threaded):
    """oom: keeps allocating and touching memory; a container's limit ends it, `ceiling_mb` where there is no limit."""

    def work(self) -> None:
        numbers = self.fault.numbers
        step = int(numbers["step_mb"] * MEGABYTE)
        kept: list[bytes] = []
        while len(kept) * step < numbers["ceiling_mb"] * MEGABYTE and not self.ended.wait(numbers["pause_s"]):
            kept.append(b"\x01" * step)
        self.ended.wait()


class Crash(_Threaded):
    """crash: exits with code 1, `after_s` seconds after the fault began or the process started."""

    def work(self) -> None:
        begun = max(self.fault.since, self.process.started_at)
        if not self.ended.wait(max(0.0, begun + self.fault.numbers["after_s"] - time.time())):
            log.critical("unrecoverable state, exiting")
            os._exit(1)


class Hang(_Threaded):
    """hang: blocks the event loop for `block_s` seconds, lets it run for `pause_s`, and again until ended."""

    def work(self) -> None:
        numbers = self.fault.numbers
        while not self.ended.is_set():
            released = threading.Event()
            self.process.loop.call_soon_threadsafe(self._block, released)
            released.wait()
            self.ended.wait(numbers["pause_s"])

    def _block(self, released: threading.Event) -> None:
        self.ended.wait(self.fault.numbers["block_s"])
        released.set()


async def delay(numbers: Mapping[str, float]) -> None:
    """latency: waits `delay_s` seconds, a tenth more or less."""
    await asyncio.sleep(numbers["delay_s"] * random.uniform(0.9, 1.1))


async def fail(numbers: Mapping[str, float]) -> None:
    """errors: raises for `share` of the requests."""
    if random.random() < numbers["share"]:
        raise ConnectionPoolExhausted("no connection to the records database became free within 30 s")


EFFECTS: Final[Mapping[str, Callable[[Fault, Process], Effect]]] = {
    "oom": Leak,
    "crash": Crash,
    "hang": Hang,
}
REQUEST_FAULTS: Final = {"latency": delay, "errors": fail}


class Faults:
    """The faults that count in this process; `changed` is called from the watching thread."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._effects: dict[Fault, Effect] = {}
        self.on_requests: tuple[Fault, ...] = ()

    def changed(self, faults: tuple[Fault, ...]) -> None:
        """Begin what is new, end what is gone."""
        self.on_requests = tuple(fault for fault in faults if fault.fault in REQUEST_FAULTS)
        for gone in [fault for fault in self._effects if fault not in faults]:
            self._effects.pop(gone).end()
        for fault in faults:
            if fault.fault in EFFECTS and fault not in self._effects:
                self._effects[fault] = EFFECTS[fault.fault](fault, self._process)
                self._effects[fault].begin()


class FaultMiddleware:
    """Applies the request faults to the service's own handlers; health and metrics are left alone."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app, self._faults = app, faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._faults.on_requests and scope["type"] == "http" and scope["path"] not in QUIET_PATHS:
            for fault in self._faults.on_requests:
                await REQUEST_FAULTS[fault.fault](fault.numbers)
        await self._app(scope, receive, send)
