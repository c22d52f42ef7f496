"""Which part of a topic's keys falls to this member of a consumer group."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

UNDECIDED_FOR: Final = 15.0
"""Seconds a member waits for its first assignment before it takes everything as its own: rather twice than never."""
_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF


class Share:
    """Kept up to date by the reading thread, asked by any. Partitions are numbered; `None` counts are unknown."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._born = now()
        self._lock = threading.Lock()
        self._held: frozenset[int] | None = None
        self._count = 0

    def take(self, partitions: Iterable[int], count: int) -> None:
        """More partitions have come, of `count` in all."""
        with self._lock:
            self._held = (self._held or frozenset()) | frozenset(partitions)
            self._count = max(count, self._count)

    def give(self, partitions: Iterable[int]) -> None:
        """Partitions have gone to others."""
        with self._lock:
            self._held = (self._held or frozenset()) - frozenset(partitions)

    def holds(self, key: str) -> bool:
        """Whether events of `key` come to this member. True where nothing has been decided for too long."""
        with self._lock:
            held, count = self._held, self._count
        if held is None or not count:
            return self._now() - self._born > UNDECIDED_FOR
        return partition_of(key, count) in held


def partition_of(key: str, count: int) -> int:
    """Where Kafka puts `key`: murmur2 of its bytes, as Java's default and librdkafka's murmur2_random partitioners do.

    Source: https://github.com/apache/kafka, org.apache.kafka.common.utils.Utils.murmur2.
    """
    return (murmur2(key.encode()) & 0x7FFFFFFF) % count


def murmur2(data: bytes) -> int:
    """The 32-bit MurmurHash2 with Kafka's seed, unsigned."""
    length = len(data)
    h = (0x9747B28C ^ length) & _MASK
    whole = length & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        h = (h * _M & _MASK) ^ ((k ^ k >> 24) * _M & _MASK)
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15
