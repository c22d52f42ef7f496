"""Which TCP ports the world listens on: the usual ones, or consecutive ones; a taken one is replaced and said."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Final

USUAL: Final = {
    "forge": 3000,
    "dashboard": 3001,
    "otlp": 4318,
    "query": 16686,
    "frontend": 8001,
    "quote-service": 8002,
    "policy-service": 8003,
    "user-service": 8004,
    "load": 8005,
    "broker": 19092,
    "jules": 3002,
    "chroma": 8000,
}
"""Who listens where when nothing else is asked for."""


def choose(base: int | None, say: Callable[[str], None], host: str = "127.0.0.1") -> dict[str, int]:
    """A free port for each name of `USUAL`: its usual one, or from `base` on; else any free one, told to `say`."""
    wanted = USUAL if base is None else {name: base + n for n, name in enumerate(USUAL)}
    chosen: dict[str, int] = {}
    for name, port in wanted.items():
        if 0 < port < 65536 and _free(host, port):
            chosen[name] = port
            continue
        chosen[name] = _any_free(host, frozenset((*wanted.values(), *chosen.values())))
        say(f"port {port} is taken: {name} is at {chosen[name]}")
    return chosen


def for_workers(names: Sequence[str], first: int, not_these: Iterable[int], host: str = "127.0.0.1") -> dict[str, int]:
    """A port for each worker that it keeps over its restarts: consecutive ones from `first` on, any free one for 0."""
    chosen: dict[str, int] = {}
    for n, name in enumerate(names):
        taken = frozenset((*not_these, *chosen.values()))
        wanted = first + n
        usable = first and wanted < 65536 and wanted not in taken and _free(host, wanted)
        chosen[name] = wanted if usable else _any_free(host, taken)
    return chosen


def _free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def _any_free(host: str, not_these: frozenset[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
        if port not in not_these:
            return port
