"""A service's environment, read once into one frozen object."""

import argparse
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

PROCESS_STARTED_AT = time.time()
"""Epoch seconds. This module is the first that a service imports, so it is the start of the process to within ms."""

DEFAULT_PORTS = {"frontend": 8001, "quote-service": 8002, "policy-service": 8003, "user-service": 8004, "load": 8005}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a service may know about where it runs. Each field names its environment variable."""

    service: str
    """SERVICE_NAME. Also `service.name` of its spans and the name faults are addressed to."""
    host: str = "127.0.0.1"
    """HOST to bind; a container sets 0.0.0.0."""
    port: int = 0
    """PORT to bind; 0 takes any free one and the ready line says which."""
    version: str = "0.1.0"
    """SERVICE_VERSION: told in /healthz and on every span, so a deploy is visible."""
    user_url: str = "http://127.0.0.1:8004"
    policy_url: str = "http://127.0.0.1:8003"
    quote_url: str = "http://127.0.0.1:8002"
    frontend_url: str = "http://127.0.0.1:8001"
    load_rps: float = 8.0
    """LOAD_RPS: customer journeys a second (a quote, and in about six of ten a purchase)."""
    load_seed: int = 7
    """LOAD_SEED: the same seed gives the same customers in the same order."""
    otlp_endpoint: str | None = None
    """OTEL_EXPORTER_OTLP_ENDPOINT: base URL, `/v1/traces` is added. Unset: spans are made and propagated, not sent."""
    kafka: str | None = None
    """KAFKA_BOOTSTRAP_SERVERS. Unset: events are counted and not sent."""
    faults_file: Path | None = None
    """FAULTS_FILE: watched for faults. In a container mount its folder, since the file is replaced, not rewritten."""
    started_at: float = field(default=PROCESS_STARTED_AT)


def read_settings(service: str, argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment; `--host` and `--port` win over it.

    Exits with status 2 and one line per bad value, all at once.
    """
    parser = argparse.ArgumentParser(prog=f"protected_services.{service.replace('-', '_')}")
    parser.add_argument("--host", default=environ.get("HOST", "127.0.0.1"))
    parser.add_argument("--port", default=environ.get("PORT", str(DEFAULT_PORTS.get(service, 0))))
    arguments = parser.parse_args(argv)
    wrong: list[str] = []
    defaults = Settings(service)
    settings = Settings(
        service=environ.get("SERVICE_NAME") or service,
        host=arguments.host,
        port=int(_number("PORT", arguments.port, 0, 65535, wrong)),
        version=environ.get("SERVICE_VERSION") or defaults.version,
        user_url=_url("USER_URL", environ.get("USER_URL"), defaults.user_url, wrong),
        policy_url=_url("POLICY_URL", environ.get("POLICY_URL"), defaults.policy_url, wrong),
        quote_url=_url("QUOTE_URL", environ.get("QUOTE_URL"), defaults.quote_url, wrong),
        frontend_url=_url("FRONTEND_URL", environ.get("FRONTEND_URL"), defaults.frontend_url, wrong),
        load_rps=_number("LOAD_RPS", environ.get("LOAD_RPS") or "8", 0.0, 1000.0, wrong),
        load_seed=int(_number("LOAD_SEED", environ.get("LOAD_SEED") or "7", 0, 2**31, wrong)),
        otlp_endpoint=_url("OTEL_EXPORTER_OTLP_ENDPOINT", environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"), "", wrong)
        or None,
        kafka=environ.get("KAFKA_BOOTSTRAP_SERVERS") or None,
        faults_file=Path(environ["FAULTS_FILE"]) if environ.get("FAULTS_FILE") else None,
    )
    if wrong:
        parser.exit(2, "".join(f"{line}\n" for line in wrong))
    return settings


def _url(name: str, value: str | None, default: str, wrong: list[str]) -> str:
    text = (value or default).rstrip("/")
    if value and (urlsplit(text).scheme not in {"http", "https"} or not urlsplit(text).hostname):
        wrong.append(f"{name} must be an http(s) URL, not {value!r}")
    return text


def _number(name: str, value: str, low: float, high: float, wrong: list[str]) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        wrong.append(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")
        return low
    return number
