"""What a policy costs a month."""

from protected_services.common.application import Application

BASE_CENTS = {"home": 1890, "motor": 3450, "travel": 790, "pet": 1240}
COVER_FACTOR = {"basic": 0.8, "plus": 1.0, "total": 1.35}
PRICE_FACTOR = 1.0
"""What every premium is multiplied by, unless configured otherwise."""


def monthly_cents(application: Application, risk_factor: float, price_factor: float = PRICE_FACTOR) -> int:
    """The premium in cents: base price of the product x level of cover x risk x the factor of the day."""
    return round(BASE_CENTS[application.product] * COVER_FACTOR[application.cover] * risk_factor * price_factor)
