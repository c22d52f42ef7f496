"""The risk a customer carries, as a factor on the premium."""

import zlib
from typing import Literal

from protected_services.common.application import Customer

Band = Literal["low", "standard", "high"]
HIGH_RISK_FROM = 1.4
"""Risks from this factor on are called high, unless configured otherwise. A word for people: no price hangs on it."""


def risk_factor(customer: Customer) -> float:
    """From about 0.8 (a careful person in a calm area) to above 3: age curve x area x claims of the last five years."""
    if customer.age < 25:
        age = 1.40
    elif customer.age < 65:
        age = 1.0
    else:
        age = 1.0 + 0.02 * (customer.age - 64)
    area = 0.8 + 0.4 * (zlib.crc32(customer.postcode.split()[0].encode()) % 1000) / 1000
    return round(age * area * (1 + 0.25 * customer.claims), 3)


def risk_band(factor: float, high_from: float = HIGH_RISK_FROM) -> Band:
    """The name people use for it."""
    if factor < 0.95:
        return "low"
    return "standard" if factor < high_from else "high"
