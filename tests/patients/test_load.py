"""The synthetic customers."""

import random
import re
from collections.abc import Iterator

import pytest

from protected_services.load.customers import next_visitor
from protected_services.policy_service.underwriting import MAX_RISK_FACTOR
from protected_services.user_service.risk import risk_factor
from tests.machine import free_ports
from tests.patients.shop import Patient, Shop
from tests.waiting import wait_for


@pytest.fixture
def load(shop: Shop) -> Iterator[Patient]:
    patient = Patient("load", free_ports(1), shop.environ | {"LOAD_RPS": "20"})
    patient.begin()
    patient.await_ready()
    yield patient
    patient.stop()


def journeys(load: Patient) -> dict[str, int]:
    text = load.get("/metrics").text
    return {end: int(count) for end, count in re.findall(r'load_journeys_total\{end="(\w+)"\} (\d+)', text)}


def test_the_same_seed_gives_the_same_people() -> None:
    one, other = random.Random(3), random.Random(3)
    assert [next_visitor(one) for _ in range(50)] == [next_visitor(other) for _ in range(50)]


def test_six_of_ten_buy_and_few_are_beyond_the_appetite() -> None:
    chance = random.Random(1)
    visitors = [next_visitor(chance) for _ in range(4000)]
    assert 0.57 < sum(visitor.buys for visitor in visitors) / 4000 < 0.63
    beyond = sum(risk_factor(visitor.wish.customer) > MAX_RISK_FACTOR for visitor in visitors)
    assert 0.005 < beyond / 4000 < 0.04


def test_customers_come_steadily_and_go_on_when_a_service_was_away(shop: Shop, load: Patient) -> None:
    wait_for(lambda: journeys(load).get("purchased", 0) >= 10 and journeys(load).get("quoted", 0) >= 3)
    shop.services["quote_service"].stop()
    wait_for(lambda: journeys(load).get("quote_failed", 0) >= 3)
    shop.services["quote_service"].begin()
    shop.services["quote_service"].await_ready()
    before = journeys(load)["purchased"]
    wait_for(lambda: journeys(load)["purchased"] >= before + 5)
