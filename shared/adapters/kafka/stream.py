"""The stream's two ends for one process: a publisher that never blocks, and the subscriptions it hands out."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from shared.adapters.kafka import link
from shared.adapters.kafka.link import nothing
from shared.adapters.kafka.settings import PRODUCER, Membership
from shared.adapters.kafka.subscription import OnEvent, Subscription
from shared.stream import DEAD_LETTERS, Event

log = logging.getLogger(__name__)

DEAD_LETTER_TEXT: Final = 20_000
"""Characters of an unreadable message that its dead letter carries along."""


class Stream:
    """One process's connection to Kafka. Fulfils `shared.ports.Publisher`. Thread-safe."""

    def __init__(self, bootstrap: str, client_id: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Starts to connect in the background, so that the first event does not wait for it.

        `bootstrap`: "host:port[,…]". `client_id`: the worker's name. Raises ValueError for an unusable setting.
        """
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._now = now
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._sent = 0
        self._undelivered = 0
        self._given_up = False
        self._reached = False
        self._closing = threading.Event()
        self._subscriptions: list[Subscription] = []
        self._producer = self._connected()
        self._deliveries = threading.Thread(target=self._deliver, name="kafka-deliveries", daemon=True)
        self._deliveries.start()

    def _connected(self) -> Producer:
        """A new client. Raises ValueError for an unusable setting."""
        self._made_at = time.monotonic()
        try:
            return Producer({"bootstrap.servers": self._bootstrap, "client.id": self._client_id, **PRODUCER})
        except KafkaException as error:
            raise ValueError(f"Kafka at {self._bootstrap!r}: {error}") from error

    @property
    def sent(self) -> int:
        """Events Kafka has confirmed."""
        return self._sent

    @property
    def undelivered(self) -> int:
        """Events that were given up: Kafka was away too long, the queue was full or the event too large."""
        return self._undelivered

    @property
    def up(self) -> bool:
        """Whether every subscription has its Kafka; of a stream without any, whether the last event was delivered."""
        if self._subscriptions:
            return all(subscription.up for subscription in self._subscriptions)
        return self._reached

    def publish(self, topic: str, key: str, event: Event) -> None:
        """Queue one event. Returns at once and never raises; what cannot be sent is counted in `undelivered`."""
        try:
            message = event.encode()
        except (TypeError, ValueError):
            log.exception("event %s of type %s holds what JSON cannot: not sent", event.id, event.type)
            self._count(delivered=False)
            return
        try:
            with self._sending:
                self._producer.produce(topic, message, key=key.encode(), on_delivery=self._on_delivery)
        except BufferError:
            self._count(delivered=False)
        except KafkaException as error:
            log.warning("event %s of type %s was not sent: %s", event.id, event.type, error)
            self._count(delivered=False)

    def subscribe(
        self,
        topics: Sequence[str],
        group: str | None,
        on_event: OnEvent,
        on_down: Callable[[], None] = nothing,
        on_up: Callable[[], None] = nothing,
        *,
        on_share: Callable[[], None] = nothing,
        start: Literal["latest", "earliest"] = "latest",
        session_timeout_ms: int = 6_000,
        max_poll_interval_ms: int = 60_000,
    ) -> Subscription:
        """Read `topics` in a thread of its own until the stream or the subscription is closed.

        `group` None makes a group of this process alone: every process then sees every event. `start` says where a
        group without commits begins. `on_event(topic, event)` returns when its effect is done, and only then is the
        event committed; it raises Poison for an event it cannot use and Transient to be given it again later.
        `on_share` is called when partitions have come to this member.
        `on_down` is called within 10 s of Kafka going away, `on_up` when it is back; both from the reading thread.
        """
        subscription = Subscription(
            Membership(
                self._bootstrap,
                self._client_id,
                group or f"{self._client_id}-{uuid.uuid4().hex}",
                session_timeout_ms,
                max_poll_interval_ms,
            ),
            tuple(topics),
            on_event,
            on_down=on_down,
            on_up=on_up,
            on_share=on_share,
            bury=self._bury,
            start=start,
        )
        self._subscriptions.append(subscription)
        return subscription

    def close(self, timeout: float = 5.0) -> None:
        """Stop reading, send what is queued, at most `timeout` seconds for each; the rest counts as undelivered."""
        for subscription in self._subscriptions:
            subscription.stop()
        for subscription in self._subscriptions:
            subscription.close(timeout)
        self._closing.set()
        self._deliveries.join(timeout)
        left = self._producer.flush(timeout)
        if left:
            self._producer.purge()
            self._producer.flush(1.0)

    def _deliver(self) -> None:
        try:
            self._producer.list_topics(timeout=5.0)
        except KafkaException as error:
            log.info("Kafka at %s does not answer yet: %s", self._bootstrap, error)
        while not self._closing.is_set():
            self._producer.poll(0.2)
            if self._given_up and time.monotonic() - self._made_at > link.ANEW_AFTER:
                self._renew()

    def _renew(self) -> None:
        """A new client in the place of one that gave an event up: it may have lost one topic and deliver the others."""
        log.info("connecting anew: an event for Kafka was given up")
        with self._sending:
            old, self._producer = self._producer, self._connected()
        self._given_up = False
        threading.Thread(target=_let_go, args=(old,), name="kafka-lost", daemon=True).start()

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._given_up |= error.code() == KafkaError._MSG_TIMED_OUT
            log.debug("an event for %s was given up: %s", message.topic(), error)
        self._count(delivered=error is None)

    def _count(self, *, delivered: bool) -> None:
        with self._lock:
            self._reached = delivered
            if delivered:
                self._sent += 1
            else:
                self._undelivered += 1

    def _bury(self, message: Message, reason: str) -> None:
        """Publish a dead letter: what could not be read, where it stands, and why."""
        topic, partition, offset = message.topic() or "", message.partition(), message.offset()
        origin = f"{topic}/{partition}/{offset}"
        log.warning("dead letter: %s: %s", origin, reason)
        data = {
            "reason": reason,
            "topic": topic,
            "partition": partition,
            "offset": offset,
            "reader": self._client_id,
            "key": _readable(message.key()),
            "value": _readable(message.value()),
        }
        event = Event(f"{self._client_id}:{origin}", self._client_id, "sre.dead-letter", origin, self._now(), data)
        self.publish(DEAD_LETTERS, origin, event)


def _let_go(lost: Producer) -> None:
    """End a client that was replaced, in a thread that may wait for it for ever; what it had left is given up."""
    lost.purge()
    lost.flush(1.0)


def _readable(raw: str | bytes | None) -> str:
    if raw is None:
        return ""
    text = raw if isinstance(raw, str) else raw[: DEAD_LETTER_TEXT * 4].decode(errors="replace")
    return text[:DEAD_LETTER_TEXT]
