"""Business events on a real Kafka protocol, and no broker being no problem."""

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from tests.machine import free_ports
from tests.patients.shop import Shop, new_trace
from tests.waiting import wait_for


@pytest.fixture
def broker() -> Iterator[str]:
    """librdkafka's mock cluster."""
    owner = Producer({"bootstrap.servers": "", "test.mock.num.brokers": 1, "log_level": 0})
    first = next(iter(owner.list_topics(timeout=5).brokers.values()))
    yield f"{first.host}:{first.port}"
    owner.flush(0)


def opened(folder: Path, **environ: str) -> Iterator[Shop]:
    shop = Shop(folder, **environ)
    try:
        shop.open()
        yield shop
    finally:
        shop.close()


@pytest.fixture
def shop_with_events(tmp_path: Path, broker: str) -> Iterator[Shop]:
    yield from opened(tmp_path, KAFKA_BOOTSTRAP_SERVERS=broker)


@pytest.fixture
def shop_without_broker(tmp_path: Path) -> Iterator[Shop]:
    yield from opened(tmp_path, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_ports(1)}")


def test_a_journey_is_told_in_cloudevents_keyed_by_the_journey(shop_with_events: Shop, broker: str) -> None:
    headers = new_trace()
    assert shop_with_events.purchase(headers).status_code == 201
    shop_with_events.services["policy_service"].restart(signal.SIGTERM, MAX_RISK_FACTOR="0.5")
    assert shop_with_events.purchase().status_code == 409
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "test", "fetch.wait.max.ms": 10})
    partitions = consumer.list_topics("business.events", timeout=5).topics["business.events"].partitions
    consumer.assign([TopicPartition("business.events", number, OFFSET_BEGINNING) for number in partitions])
    events: list[tuple[str, dict[str, Any]]] = []

    def enough() -> bool:
        message = consumer.poll(0.1)
        if message is not None and not message.error():
            value, key = message.value(), message.key()
            assert value is not None
            assert key is not None
            events.append((key.decode(), json.loads(value)))
        return {"quote.requested", "policy.purchased", "purchase.refused"} <= {event["type"] for _, event in events}

    wait_for(enough, seconds=20)
    consumer.close()
    bought_key, bought = next((key, event) for key, event in events if event["type"] == "policy.purchased")
    journey = [event["type"] for key, event in events if key == bought_key]
    assert sorted(journey) == ["policy.purchased", "quote.requested"]
    assert bought["specversion"] == "1.0"
    assert bought["source"] == "/marketplace/policy-service"
    assert bought["datacontenttype"] == "application/json"
    assert bought["data"]["journey_id"] == bought_key
    assert bought["traceparent"].split("-")[1] == headers["traceparent"].split("-")[1]
    refused = next(event for _, event in events if event["type"] == "purchase.refused")
    assert refused["data"]["reason"] == "risk_appetite"


def test_without_a_broker_purchases_are_as_fast_and_the_loss_is_counted(shop_without_broker: Shop) -> None:
    started = time.monotonic()
    for _ in range(20):
        assert shop_without_broker.purchase().status_code == 201
    assert time.monotonic() - started < 3.0
    policy = shop_without_broker.services["policy_service"]

    def counted() -> bool:
        text = policy.get("/metrics").text
        lost = re.search(r'business_events_total\{type="policy.purchased",fate="failed"\} (\d+)', text)
        return lost is not None and int(lost[1]) == 20

    wait_for(counted, seconds=20)
    assert policy.stop() == 0
