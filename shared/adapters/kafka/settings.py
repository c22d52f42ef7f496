"""How librdkafka is set up for the fleet, and why (https://github.com/confluentinc/librdkafka CONFIGURATION.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.stream import MAX_BYTES

PRODUCER: Final = {
    "linger.ms": 2,
    "acks": "all",
    # Not idempotent: that mode ends in a fatal error when a broker loses its memory, and readers drop doubles by id.
    "max.in.flight.requests.per.connection": 1,  # so that retries keep the order of a key
    "partitioner": "murmur2_random",  # the same partition for a key as Java clients choose
    "message.timeout.ms": 30_000,  # with Kafka away, an event is given up (and counted) after this
    "queue.buffering.max.messages": 10_000,
    "queue.buffering.max.kbytes": 16_384,
    "message.max.bytes": MAX_BYTES,
    "socket.timeout.ms": 6_000,
    "reconnect.backoff.ms": 100,
    "reconnect.backoff.max.ms": 2_000,
    "socket.keepalive.enable": True,
    "log_level": 2,
}
"""librdkafka settings of the sending side (librdkafka CONFIGURATION.md)."""

CONSUMER: Final = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",  # after a broker lost its log: read the new one whole. `start` rules a new group
    "partition.assignment.strategy": "cooperative-sticky",
    "fetch.wait.max.ms": 50,  # Kafka answers at once when there is news; librdkafka's mock only after this: not 500
    "socket.timeout.ms": 4_000,  # a broker that hangs is noticed as one that is gone
    "socket.keepalive.enable": True,
    "reconnect.backoff.ms": 100,
    "reconnect.backoff.max.ms": 2_000,
    "allow.auto.create.topics": True,
    "topic.metadata.refresh.interval.ms": 10_000,
    "queued.min.messages": 1_000,
    "queued.max.messages.kbytes": 4_096,
    "statistics.interval.ms": 500,
    "log_level": 2,
}
"""librdkafka settings of the reading side (librdkafka CONFIGURATION.md)."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Which Kafka, who is asking, in which group, and how long that group waits for a silent member."""

    bootstrap: str
    client_id: str
    group: str
    session_timeout_ms: int = 6_000
    """Without a heartbeat for this long, the member's partitions go to others."""
    max_poll_interval_ms: int = 60_000
    """A reading thread that does not poll for this long is thrown out; a slow handler does not stop it from polling."""
