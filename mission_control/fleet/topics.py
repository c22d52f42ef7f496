"""The fleet's topics on a real Kafka: which are missing, and making them with partitions to share.

A topic's key is the issue (wake-ups, thoughts), the worker (heartbeats) or the service and journey (telemetry): what
belongs together stays in order in one partition, and the partitions are shared among replicas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic

from shared import stream

TIMEOUT: Final = 10.0
"""Seconds a broker may take."""


class TopicsNotMade(Exception):
    """Kafka does not make a topic; the message says which and why."""


def partitions_of(brokers: str, timeout: float = TIMEOUT) -> Mapping[str, int]:
    """Partitions of each of the fleet's topics, 0 for one that is not there. Raises OSError when nobody answers."""
    try:
        there = _admin(brokers).list_topics(timeout=timeout).topics
    except KafkaException as error:
        raise OSError(error.args[0].str()) from error
    return {name: len(there[name].partitions) if name in there else 0 for name in stream.TOPICS}


def make_topics(brokers: str, partitions: int, timeout: float = TIMEOUT) -> tuple[str, ...]:
    """Bring every topic to at least `partitions`; the names of those that were changed.

    More partitions for a topic that is in use move keys: wake-ups are hints, so at worst one is seen twice. Raises
    TopicsNotMade, OSError.
    """
    have = partitions_of(brokers, timeout)
    admin = _admin(brokers)
    new = [NewTopic(name, num_partitions=partitions, replication_factor=-1) for name, n in have.items() if not n]
    few = [NewPartitions(name, partitions) for name, n in have.items() if 0 < n < partitions]
    asked = admin.create_topics(new, operation_timeout=timeout, request_timeout=timeout) if new else {}
    asked |= admin.create_partitions(few, operation_timeout=timeout, request_timeout=timeout) if few else {}
    for name, made in asked.items():
        try:
            made.result(timeout)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise TopicsNotMade(f"{name}: {error.args[0].str()}") from error
        except TimeoutError as error:
            raise TopicsNotMade(f"{name}: no answer within {timeout:g} s") from error
    return tuple(sorted(asked))


def _admin(brokers: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": brokers, "client.id": "sre-doctor", "log_level": 2})
