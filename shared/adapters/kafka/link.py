"""Whether Kafka is there: told once when it goes away, once when it is back."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaError, KafkaException

log = logging.getLogger(__name__)

DOWN_AFTER: Final = 2.0
"""Seconds without any connection before Kafka counts as down."""
ANEW_AFTER: Final = 45.0
"""Seconds without Kafka after which a reader is made anew, and the least between two senders: set, not measured.

A client that hears of no broker at all may forget the last address it had, and is lost for good:
https://github.com/confluentinc/librdkafka/issues/5301, made with 2.16 in tests/adapters/fenced_broker.py. After
restarts of Apache Kafka 4.1 lost readers had the same sign: no broker in their statistics.
"""


def nothing() -> None:
    """For a caller who does not want to be told."""


class Link:
    """Watches one client's connections by its statistics. Not thread-safe: the reading thread owns it."""

    def __init__(self, on_down: Callable[[], None], on_up: Callable[[], None]) -> None:
        self.up = True
        self.known: tuple[str, ...] = ()
        """The brokers that the client's last statistics listed, by name."""
        self._on_down, self._on_up = on_down, on_up
        self._connected_at = self._watched_at = self._went_at = time.monotonic()

    def down_for(self, since: float) -> float:
        """Seconds that Kafka has been away since `since` (monotonic); 0 while it is there."""
        return 0.0 if self.up else time.monotonic() - max(since, self._went_at)

    def on_statistics(self, text: str) -> None:
        """librdkafka's statistics as JSON, given every `statistics.interval.ms`."""
        brokers = json.loads(text)["brokers"]
        self.known = tuple(brokers)
        if any(broker["state"] == "UP" for broker in brokers.values()):
            self._connected_at = time.monotonic()

    def watch(self) -> None:
        """Call often. Tells the owner when Kafka went away or came back."""
        now = time.monotonic()
        if now - self._watched_at > 1.0:  # this process itself stood still: that says nothing about Kafka
            self._connected_at += now - self._watched_at
        self._watched_at = now
        away = now - self._connected_at > DOWN_AFTER
        if away and self.up:
            self.up, self._went_at = False, now
            log.warning("Kafka is away; the fleet polls instead")
            self._on_down()
        elif not away and not self.up:
            self.up = True
            log.warning("Kafka is back")
            self._on_up()


def on_error(error: KafkaError) -> None:
    """Connection trouble is told by `on_down`; what retrying does not cure is logged; a fatal error ends it all."""
    if error.fatal():
        raise KafkaException(error)
    if error.code() not in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE):
        log.warning("Kafka says: %s", error)
