"""Kafka for the fleet, on confluent-kafka: telemetry in, wake-ups around. Everything still works without it, later."""

from shared.adapters.kafka.stream import Stream
from shared.adapters.kafka.subscription import Subscription

__all__ = ["Stream", "Subscription"]
