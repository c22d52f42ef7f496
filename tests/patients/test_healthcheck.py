"""The container health check, as an engine runs it."""

import socket
import subprocess
import sys

from tests.machine import free_ports
from tests.patients.shop import ROOT, Shop

SCRIPT = ROOT / "protected_services" / "common" / "healthcheck.py"


def check(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-I", "-S", str(SCRIPT), *arguments], timeout=10, check=False).returncode


def test_a_healthy_service_is_0(shop: Shop) -> None:
    assert check(str(shop.services["policy_service"].port)) == 0


def test_nobody_listening_is_1() -> None:
    assert check(str(free_ports(1))) == 1


def test_a_server_that_accepts_and_says_nothing_is_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert check(str(silent.getsockname()[1])) == 1


def test_senseless_arguments_are_1() -> None:
    assert check() == 1
    assert check("http") == 1
