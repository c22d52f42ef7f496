"""Records in memory, the oldest of which make room: what a service knows, at a bounded price."""

from collections import OrderedDict
from typing import Generic, TypeVar

Record = TypeVar("Record")

SHELF_LIMIT = 5000
"""Records of one kind. Ten minutes of the default load."""


class Shelf(Generic[Record]):
    """Up to `SHELF_LIMIT` records by id."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def get(self, record_id: str) -> Record | None:
        return self._records.get(record_id)

    def put(self, record_id: str, record: Record) -> None:
        """Keep `record` as the newest."""
        self._records[record_id] = record
        self._records.move_to_end(record_id)
        if len(self._records) > SHELF_LIMIT:
            self._records.popitem(last=False)
