"""What a customer asks for, and the one place that says whether it makes sense."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from protected_services.common.failures import Refused

PRODUCTS: Mapping[str, str] = {"home": "Home", "motor": "Motor", "travel": "Travel", "pet": "Pet"}
COVERS: Mapping[str, str] = {"basic": "Basic", "plus": "Plus", "total": "Total"}
POSTCODE = re.compile(r"[A-Z0-9][A-Z0-9 -]{1,8}[A-Z0-9]")


@dataclass(frozen=True, slots=True)
class Customer:
    """A person who wants insurance. `claims` are those of the last five years."""

    name: str
    age: int
    postcode: str
    claims: int


@dataclass(frozen=True, slots=True)
class Application:
    """A customer, a product and how much of it."""

    customer: Customer
    product: str
    cover: str

    def as_body(self) -> dict[str, Any]:
        """The JSON object `parse_application` reads back."""
        return asdict(self.customer) | {"product": self.product, "cover": self.cover}


def parse_application(fields: Mapping[str, Any]) -> Application:
    """An application from a form or a JSON object. Raises Refused(422) that names every wrong field."""
    errors: dict[str, str] = {}
    customer = _customer(fields, errors)
    product, cover = str(fields.get("product", "")), str(fields.get("cover", ""))
    if product not in PRODUCTS:
        errors["product"] = "Choose one of our products."
    if cover not in COVERS:
        errors["cover"] = "Choose a level of cover."
    if errors:
        raise Refused(422, "please check the marked fields", errors)
    return Application(customer, product, cover)


def parse_customer(fields: Mapping[str, Any]) -> Customer:
    """The customer part of an application. Raises Refused(422) that names every wrong field."""
    errors: dict[str, str] = {}
    customer = _customer(fields, errors)
    if errors:
        raise Refused(422, "please check the marked fields", errors)
    return customer


def _customer(fields: Mapping[str, Any], errors: dict[str, str]) -> Customer:
    name = " ".join(str(fields.get("name", "")).split())
    postcode = " ".join(str(fields.get("postcode", "")).upper().split())
    age = _whole(fields.get("age"), 18, 99)
    claims = _whole(fields.get("claims"), 0, 20)
    if not 1 <= len(name) <= 80 or not name.isprintable():
        errors["name"] = "Tell us your name, in 80 characters or fewer."
    if not POSTCODE.fullmatch(postcode):
        errors["postcode"] = "That does not look like a postcode."
    if age is None:
        errors["age"] = "We insure people from 18 to 99."
    if claims is None:
        errors["claims"] = "A number from 0 to 20."
    return Customer(name, age or 0, postcode, claims or 0)


def _whole(value: object, low: int, high: int) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,3}", value.strip()):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None
