"""The parts that the fleet uses besides GitHub: each is asked once whether it is there and does its work."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import requests

from mission_control.doctor.engine import EngineSeen
from mission_control.doctor.finding import Finding, well, wrong
from mission_control.settings import Settings
from mission_control.world import record

TIMEOUT: Final = 3.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One part: where it is, and why it does not answer (None: it does)."""

    where: str
    trouble: str | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class PartsSeen:
    """What was read; None: that part is not set."""

    kafka: Asked | None = None
    topics: Mapping[str, int] | None = None
    """Of a Kafka that was given: the embedded broker makes topics by itself, and cannot be asked to."""
    traces: Asked | None = None
    traces_api: str = ""
    """`v3` or `legacy`."""
    prometheus: Asked | None = None
    engine: EngineSeen | None = None


def read(settings: Settings, running: record.Record | None) -> PartsSeen:
    """Ask each of them."""
    from mission_control.doctor import engine

    kafka = settings.kafka or (running.kafka if running else None)
    query = settings.jaeger_url or (running.traces.get("query") if running else None)
    traces, api = _traces(query) if query else (None, "")
    return PartsSeen(
        kafka=_connected(kafka) if kafka else None,
        topics=_topics(settings),
        traces=traces,
        traces_api=api,
        prometheus=_got(settings.prometheus_url, "/api/v1/query?query=1") if settings.prometheus_url else None,
        engine=engine.read(settings, running),
    )


def judge(seen: PartsSeen, partitions: int) -> Iterator[Finding]:
    """The findings. `partitions`: how many each topic ought to have."""
    if seen.kafka is not None:
        yield _reached("kafka", seen.kafka)
    if seen.topics is not None:
        few = sorted(name for name, count in seen.topics.items() if count < partitions)
        said = f"{len(seen.topics) - len(few)} of {len(seen.topics)} have {partitions} partitions"
        yield wrong("topics", said, what=", ".join(few)) if few else well("topics", said)
    if seen.traces is not None:
        yield _reached("traces", seen.traces)
        if seen.traces_api == "legacy":
            yield wrong("traces-api", f"{seen.traces.where} answers /api/services, and not /api/v3/services")
        elif seen.traces_api:
            yield well("traces-api", f"{seen.traces.where} answers /api/v3")
    if seen.prometheus is not None:
        yield _reached("prometheus", seen.prometheus)


def _reached(id: str, asked: Asked) -> Finding:
    if asked.trouble is None:
        return well(id, asked.where)
    return wrong(id, f"{asked.where} does not answer: {asked.trouble}")


def _connected(brokers: str) -> Asked:
    host, _, port = brokers.split(",", maxsplit=1)[0].rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=TIMEOUT):
            return Asked(brokers)
    except (OSError, ValueError) as error:
        return Asked(brokers, str(error))


def _topics(settings: Settings) -> Mapping[str, int] | None:
    if settings.kafka is None:
        return None
    from mission_control.fleet.topics import partitions_of

    try:
        return partitions_of(settings.kafka, TIMEOUT)
    except OSError:
        return None  # that nobody answers is said of kafka


def _traces(url: str) -> tuple[Asked, str]:
    new = _got(url, "/api/v3/services")
    if new.trouble is None:
        return new, "v3"
    old = _got(url, "/api/services")
    return (old, "legacy") if old.trouble is None else (new, "")


def _got(url: str, path: str) -> Asked:
    """Whether a JSON document is there."""
    with requests.Session() as session:
        session.trust_env = "//127.0.0.1" not in url
        try:
            answer = session.get(f"{url}{path}", timeout=TIMEOUT)
            answer.raise_for_status()
            json.loads(answer.text)
        except (requests.RequestException, ValueError) as error:
            return Asked(url, type(error).__name__ if not str(error) else str(error)[:200])
    return Asked(url)
