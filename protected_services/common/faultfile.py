"""The fault file as data: which faults are asked of one service, watched from a thread that outlives a blocked loop.

An entry is `{"id", "service", "fault", "grade", "since", "until", "sticky"}`; `since` and `until` are epoch seconds.
`protected_services/faults.json` is the catalogue of what an entry may name; what it calls `committed` is no fault of a
process but a bad configuration, which is deployed.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

CATALOGUE_FILE = Path(__file__).parents[1] / "faults.json"
WATCH_EVERY_S = 0.05
"""A change of the file is acted on within this time."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault asked of one service, its numbers looked up in the catalogue."""

    id: str
    service: str
    fault: str
    grade: str
    since: float
    until: float | None
    sticky: bool
    numbers: Mapping[str, float] = field(compare=False)

    def counts(self, service: str, started_at: float, now: float) -> bool:
        """Whether a process of `service` that started at `started_at` suffers from it now: a restart heals the rest."""
        if self.service != service or (self.until is not None and now >= self.until):
            return False
        return self.sticky or self.since > started_at


def read_catalogue() -> dict[str, Any]:
    """The faults there are, by name: what, services, sticky, grades."""
    catalogue: dict[str, Any] = json.loads(CATALOGUE_FILE.read_text(encoding="utf-8"))
    return catalogue


def parse_faults(text: str, catalogue: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The entries of a fault file, a list or `{"faults": [...]}`. Raises ValueError when not all is understood."""
    try:
        data = json.loads(text)
        entries = data["faults"] if isinstance(data, dict) else data
        return tuple(_fault(entry, catalogue) for entry in entries)
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as bad:
        raise ValueError(f"not a fault file: {type(bad).__name__}: {bad}") from bad


def _fault(entry: Mapping[str, Any], catalogue: Mapping[str, Any]) -> Fault:
    kind = catalogue[entry["fault"]]
    if "committed" in kind:
        raise ValueError(f"{entry['fault']} is committed and deployed, not injected")
    until = entry.get("until")
    return Fault(
        id=str(entry["id"]),
        service=str(entry["service"]),
        fault=str(entry["fault"]),
        grade=str(entry["grade"]),
        since=float(entry["since"]),
        until=None if until is None else float(until),
        sticky=bool(entry.get("sticky", False)) or bool(kind["sticky"]),
        numbers=kind["grades"][entry["grade"]],
    )


class FaultFile:
    """Watches one file and hands over the faults that count, each time they change."""

    def __init__(
        self, path: Path, service: str, started_at: float, changed: Callable[[tuple[Fault, ...]], None]
    ) -> None:
        self._path, self._service, self._started_at, self._changed = path, service, started_at, changed
        self._catalogue = read_catalogue()
        self._seen: tuple[int, int, int] | None = None
        self._entries: tuple[Fault, ...] = ()
        self._counting: tuple[Fault, ...] = ()
        self._stop = threading.Event()

    def start(self) -> None:
        """Read once now, then watch from a daemon thread."""
        self.look()
        threading.Thread(target=self._watch, name="faults", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def look(self) -> None:
        """Read the file if it changed, and report a change in what counts."""
        seen = self._fingerprint()
        if seen != self._seen:
            self._seen = seen
            self._entries = self._read() if seen else ()
        now = time.time()
        counting = tuple(fault for fault in self._entries if fault.counts(self._service, self._started_at, now))
        if counting != self._counting:
            self._counting = counting
            self._changed(counting)

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_EVERY_S):
            self.look()

    def _fingerprint(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _read(self) -> tuple[Fault, ...]:
        try:
            return parse_faults(self._path.read_text(encoding="utf-8"), self._catalogue)
        except (OSError, ValueError) as bad:
            log.warning("fault file %s ignored: %s", self._path, bad)
            return self._entries
