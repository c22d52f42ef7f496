"""What is usual, kept without traces: one sketch of own times per (service, operation, caller) and hour of the day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from shared.analysis.rca.sketch import Sketch
from shared.analysis.rca.table import Table
from shared.analysis.rca.tree import Tree

HOUR_US: Final = 3_600_000_000
ENOUGH: Final = 30
"""Samples of this hour that make a level of its own; below that all hours together are used."""


class Key(NamedTuple):
    """`caller` is empty for a root."""

    service: str
    operation: str
    caller: str


@dataclass(slots=True)
class BaselineStore:
    """Learns from quiet traces, merges with others, answers quantiles."""

    sketches: dict[tuple[Key, int], Sketch] = field(default_factory=dict)
    """By key and hour of the day (UTC)."""

    def learn(self, table: Table, tree: Tree) -> None:
        """Take the own times of all spans of the table's baseline window."""
        caller = np.where(table.parent >= 0, table.service[table.parent], -1)
        hour = (table.start // HOUR_US) % 24
        quiet = np.flatnonzero(~table.incident)
        width = len(table.services) + 1
        code = (table.op[quiet] * width + caller[quiet] + 1) * 24 + hour[quiet]
        codes, at = np.unique(code, return_inverse=True)
        order = np.argsort(at, kind="stable")
        values = tree.own[quiet][order]
        ends = np.cumsum(np.bincount(at, minlength=len(codes)))
        for n, one in enumerate(codes.tolist()):
            rest, of_day = divmod(one, 24)
            op, above = divmod(rest, width)
            service, operation = table.operation(op)
            key = Key(service, operation, table.services[above - 1] if above else "")
            part = values[ends[n - 1] if n else 0 : ends[n]]
            self.sketches.setdefault((key, of_day), Sketch()).add(part)

    def merge(self, other: BaselineStore) -> None:
        """Take all that another store has learned."""
        for key, sketch in other.sketches.items():
            self.sketches.setdefault(key, Sketch()).merge(sketch)

    def usual(self, key: Key, hour: int) -> Sketch | None:
        """What is usual at that hour, or at any where that hour is hardly known; None for a stranger."""
        own = self.sketches.get((key, hour))
        if own is not None and own.count >= ENOUGH:
            return own
        whole = Sketch()
        for any_hour in range(24):
            if sketch := self.sketches.get((key, any_hour)):
                whole.merge(sketch)
        return whole if whole.count else None

    def as_json(self) -> list[dict[str, object]]:
        """JSON types."""
        return [{"key": list(key), "hour": hour, **sketch.as_json()} for (key, hour), sketch in self.sketches.items()]

    @classmethod
    def from_json(cls, given: list[Mapping[str, object]]) -> BaselineStore:
        """The inverse of `as_json`. Raises ValueError."""
        store = cls()
        for entry in given:
            key, hour = entry.get("key"), entry.get("hour")
            if not isinstance(key, list) or len(key) != len(Key._fields) or not isinstance(hour, int):
                raise ValueError("not a baseline store")
            store.sketches[Key(*map(str, key)), hour] = Sketch.from_json(entry)
        return store
