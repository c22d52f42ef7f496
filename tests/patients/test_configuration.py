"""What a service is configured with: read at its start, refused when it makes no sense."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from protected_services.common.configuration import BadConfiguration, Configuration
from protected_services.policy_service.underwriting import MAX_RISK_FACTOR, refusal
from protected_services.quote_service.pricing import PRICE_FACTOR
from protected_services.user_service.risk import HIGH_RISK_FROM, risk_band
from tests.machine import free_ports
from tests.patients.shop import ROOT, Shop


def test_a_number_a_feature_and_their_defaults() -> None:
    read = Configuration({"A": "2.5", "FEATURE_B": "on"})
    assert (read.number("A", 1.0, 0.0, 9.0), read.number("C", 1.0, 0.0, 9.0)) == (2.5, 1.0)
    assert (read.feature("FEATURE_B", False), read.feature("FEATURE_C", False)) == (True, False)


@pytest.mark.parametrize("text", ["", "many", "nan", "-1", "9.1", "1,8", "0x1"])
def test_a_number_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(BadConfiguration, match="A must be a number from 0 to 9"):
        Configuration({"A": text}).number("A", 1.0, 0.0, 9.0)


@pytest.mark.parametrize("text", ["", "true", "ON", "1"])
def test_a_feature_is_on_or_off_and_nothing_else(text: str) -> None:
    with pytest.raises(BadConfiguration, match="FEATURE_A must be on or off"):
        Configuration({"FEATURE_A": text}).feature("FEATURE_A", True)


@pytest.mark.parametrize(
    ("module", "variable", "value"),
    [
        ("policy_service", "MAX_RISK_FACTOR", "high"),
        ("quote_service", "PRICE_FACTOR", "0"),
        ("user_service", "HIGH_RISK_FROM", "-1"),
        ("frontend", "FEATURE_YEARLY_PRICE", "yes"),
    ],
)
def test_a_service_does_not_start_with_a_value_that_makes_no_sense_and_says_so_in_one_line(
    module: str, variable: str, value: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"protected_services.{module}", "--port", str(free_ports(1))],
        cwd=ROOT, env=os.environ | {variable: value}, capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{variable} must be" in done.stderr
    assert repr(value) in done.stderr


def test_the_stack_file_says_what_the_code_defaults_to() -> None:
    """So that a service that is started without it behaves as the deployed one."""
    services = yaml.safe_load((Path(ROOT) / "deploy" / "stack.yaml").read_text(encoding="utf-8"))["services"]
    assert {name: body["environment"] for name, body in services.items()} == {
        "user-service": {"HIGH_RISK_FROM": str(HIGH_RISK_FROM)},
        "policy-service": {"MAX_RISK_FACTOR": str(MAX_RISK_FACTOR)},
        "quote-service": {"PRICE_FACTOR": str(PRICE_FACTOR)},
        "frontend": {"FEATURE_YEARLY_PRICE": "off"},
    }


def test_what_is_configured_is_what_customers_get(shop: Shop) -> None:
    plain = shop.quote().json()
    shop.services["quote_service"].restart(PRICE_FACTOR="2")
    shop.services["frontend"].restart(FEATURE_YEARLY_PRICE="on")
    dear = shop.quote().json()
    assert abs(dear["monthly_cents"] - 2 * plain["monthly_cents"]) <= 1
    assert "a year" in shop.client.get(f"/quotes/{dear['quote_id']}").text
    shop.services["frontend"].restart(FEATURE_YEARLY_PRICE="off")
    assert "a year" not in shop.client.get(f"/quotes/{dear['quote_id']}").text


def test_underwriting_and_bands_follow_their_limits() -> None:
    assert refusal(1.2) is None
    assert refusal(1.2, 1.0) is not None
    assert (risk_band(1.2), risk_band(1.2, 1.1)) == ("standard", "high")
