"""Synthetic people: the same seed gives the same people in the same order."""

import random
from dataclasses import dataclass

from protected_services.common.application import COVERS, PRODUCTS, Application, Customer

FIRST = ("Ada", "Bo", "Carla", "Deniz", "Emeka", "Fatima", "Goran", "Hana", "Ines", "Jonas", "Keiko", "Lior", "Mina")
LAST = ("Abara", "Brandt", "Castro", "Duval", "Eriksen", "Fontana", "Greene", "Hoang", "Ivanov", "Jensen", "Kaya")
BUYERS = 0.6
"""The share of people who want to buy once they know the price."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """What a person asks for, whether they mean to buy, and how long they think about the price (seconds)."""

    wish: Application
    buys: bool
    thinks_s: float


def next_visitor(chance: random.Random) -> Visitor:
    """The next person through the door."""
    customer = Customer(
        name=f"{chance.choice(FIRST)} {chance.choice(LAST)}",
        age=min(90, max(18, round(chance.gauss(43, 14)))),
        postcode=f"{chance.choice('ABCDEFGH')}{chance.randint(10, 49)} {chance.randint(1, 9)}XY",
        claims=chance.choices((0, 1, 2, 3), (78, 16, 5, 1))[0],
    )
    wish = Application(customer, chance.choice(tuple(PRODUCTS)), chance.choice(tuple(COVERS)))
    return Visitor(wish, chance.random() < BUYERS, chance.uniform(0.05, 0.15))
