"""Business events on Kafka as CloudEvents 1.0, sent from a thread so that no request ever waits for the broker.

Envelope: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md, structured mode, with the
distributed-tracing extension (`traceparent`).
"""

import json
import logging
import queue
import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from protected_services.common.metrics import Metrics
from protected_services.common.settings import Settings
from protected_services.common.tracing import W3C

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

log = logging.getLogger(__name__)

TOPIC = "business.events"
QUEUE_LIMIT = 1000
"""Events held while the broker is slow or away; the ones beyond are dropped and counted."""
KEPT_MS = 5_000
"""How long the client library tries to deliver one event."""


class Events:
    """Announces what happened in the business. Counted: sent, dropped, failed, off (no broker configured)."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._count = metrics.counter("business_events_total", "Business events by type and fate.", "type", "fate")
        self._queue: queue.Queue[tuple[str, bytes, str] | None] = queue.Queue(QUEUE_LIMIT)
        self._thread: threading.Thread | None = None

    def emit(self, event_type: str, *, subject: str, key: str, data: Mapping[str, Any]) -> None:
        """Queue one event and return at once. `key` is the customer's journey: its events stay in order."""
        if not self._settings.kafka:
            self._count.add(event_type, "off")
            return
        if self._thread is None:  # a service without events needs neither the thread nor the client library
            self._thread = threading.Thread(target=self._deliver, name="events", daemon=True)
            self._thread.start()
        carrier: dict[str, str] = {}
        W3C.inject(carrier)
        event = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": f"/marketplace/{self._settings.service}",
            "type": event_type,
            "subject": subject,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            **carrier,
            "data": {"journey_id": key, **data},
        }
        try:
            self._queue.put_nowait((key, json.dumps(event).encode(), event_type))
        except queue.Full:
            self._count.add(event_type, "dropped")

    def close(self, within_s: float) -> None:
        """Deliver what is queued, for at most `within_s` seconds."""
        if self._thread is not None:
            try:
                self._queue.put_nowait(None)
            except queue.Full:
                return
            self._thread.join(within_s)

    def _deliver(self) -> None:
        producer = self._connect()
        while True:
            try:
                item = self._queue.get(timeout=0.25)
            except queue.Empty:
                producer.poll(0)
                continue
            if item is None:
                producer.flush(0.5)
                return
            self._hand_over(producer, *item)
            producer.poll(0)

    def _hand_over(self, producer: "Producer", key: str, value: bytes, event_type: str) -> None:
        def settled(error: "KafkaError | None", _message: "Message") -> None:
            self._count.add(event_type, "failed" if error else "sent")

        try:
            producer.produce(
                TOPIC,
                key=key.encode(),
                value=value,
                headers=[("content-type", b"application/cloudevents+json; charset=utf-8")],
                on_delivery=settled,
            )
        except BufferError:
            self._count.add(event_type, "dropped")

    def _connect(self) -> "Producer":
        from confluent_kafka import Producer

        quiet = logging.getLogger("kafka")
        quiet.setLevel(logging.CRITICAL)  # told once by `_Unreachable` and counted, not a line a second
        return Producer(
            {
                "bootstrap.servers": self._settings.kafka,
                "client.id": self._settings.service,
                "queue.buffering.max.messages": QUEUE_LIMIT,
                "message.timeout.ms": KEPT_MS,
                "linger.ms": 5,
                "acks": 1,
                "reconnect.backoff.max.ms": 2000,
                "logger": quiet,
                "error_cb": _Unreachable(),
            }
        )


class _Unreachable:
    """Says once that the broker is away."""

    def __init__(self) -> None:
        self._said = False

    def __call__(self, error: "KafkaError") -> None:
        if not self._said:
            self._said = True
            log.warning("kafka: %s", error)
