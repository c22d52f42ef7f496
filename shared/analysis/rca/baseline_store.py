"""What is usual, kept without traces: one sketch of own times per (service, operation, caller) and hour of the day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from shared.analysis.rca.sketch import LAST, Sketch, bucket_of

if TYPE_CHECKING:
    from shared.analysis.rca.table import Table
    from shared.analysis.rca.tree import Tree

HOUR_US: Final = 3_600_000_000
ENOUGH: Final = 30
"""Samples of this hour that make a level of its own; below that all hours together are used."""
OTHER_HOURS: Final = -1
"""Stands for an hour where a store carries all hours that it does not name put together, to be small."""
LONGEST_NAME: Final = 300
"""Characters of a service or operation."""


class Key(NamedTuple):
    """`caller` is empty for a root."""

    service: str
    operation: str
    caller: str


@dataclass(slots=True)
class BaselineStore:
    """Learns from quiet traces, merges with others, answers quantiles."""

    sketches: dict[tuple[Key, int], Sketch] = field(default_factory=dict)
    """By key and hour of the day (UTC), or OTHER_HOURS."""

    def learn(self, table: Table, tree: Tree) -> None:
        """Take the own times of all spans of the table's baseline window."""
        import numpy as np

        caller = np.where(table.parent >= 0, table.service[table.parent], -1)
        hour = (table.start // HOUR_US) % 24
        quiet = np.flatnonzero(~table.incident)
        width = len(table.services) + 1
        code = (table.op[quiet] * width + caller[quiet] + 1) * 24 + hour[quiet]
        slots = code * (LAST + 2) + bucket_of(tree.own[quiet]) + 1
        found, counts = np.unique(slots, return_counts=True)
        before, sketch = -1, Sketch()
        for slot, count in zip(found.tolist(), counts.tolist(), strict=True):
            one, bucket = divmod(slot, LAST + 2)
            if one != before:
                before = one
                sketch = self.sketches.setdefault(self._name(one, width, table), Sketch())
            sketch.put(bucket - 1, count)

    @staticmethod
    def _name(code: int, width: int, table: Table) -> tuple[Key, int]:
        rest, hour = divmod(code, 24)
        op, above = divmod(rest, width)
        return Key(*table.operation(op), table.services[above - 1] if above else ""), hour

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
        for other in range(OTHER_HOURS, 24):
            sketch = self.sketches.get((key, other))
            if sketch is not None:
                whole.merge(sketch)
        return whole if whole.count else None

    def as_json(self) -> list[dict[str, object]]:
        """JSON types."""
        return [{"key": list(key), "hour": hour, **sketch.as_json()} for (key, hour), sketch in self.sketches.items()]

    @classmethod
    def from_json(cls, given: list[Mapping[str, object]]) -> BaselineStore:
        """The inverse of `as_json`, whatever was sent. Raises ValueError."""
        store = cls()
        for entry in given:
            if not isinstance(entry, Mapping):
                raise ValueError("not a baseline store: an entry is no object")
            hour = entry.get("hour")
            if type(hour) is not int or not OTHER_HOURS <= hour < 24:
                raise ValueError(f"not a baseline store: hour {hour!r:.20}")
            store.sketches[_key(entry.get("key")), hour] = Sketch.from_json(entry)
        return store


def _key(given: object) -> Key:
    if (
        not isinstance(given, list)
        or len(given) != len(Key._fields)
        or not all(isinstance(name, str) and len(name) <= LONGEST_NAME for name in given)
    ):
        raise ValueError("not a baseline store: a key is three names")
    return Key(*given)
