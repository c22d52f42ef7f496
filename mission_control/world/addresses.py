"""Where everything of a world is, and what a worker is told of it: all that it needs and nothing that it does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from mission_control.settings import Settings, variables
from mission_control.world.keys import REPOSITORY

HANDS: Final = "fixer"
"""The one worker that is given an engine it can write to."""
ADVISED: Final = "brain"
"""The one worker that is told of a language model."""
PROVES: Final = "escalation"
"""The one worker that is told of Tier-3 agents."""
SHOWS: Final = "dashboard"
"""The one process that people reach with a browser: it is told of no engine and has no key."""
KNOWS: Final = ("brain", "memory")
"""The workers that are told of the knowledge base, and of what makes vectors for it."""
EMBEDDED_PACE: Final = {"healthy_for": timedelta(seconds=3), "herald_every": timedelta(seconds=1)}
"""Faster than the defaults, because nobody else's limits are at stake on one machine."""
_PACE: Final = {
    "SRE_HEALTHY_FOR": "healthy_for",
    "SRE_HERALD_EVERY": "herald_every",
    "SRE_PROBE_EVERY": "probe_every",
    "SRE_RESYNC_EVERY": "resync_every",
    "SRE_RECURRENCE_WINDOW": "recurrence_window",
}


@dataclass(slots=True)
class Addresses:
    """Filled in as the world comes up; None is absent."""

    api: str = ""
    pages: str = ""
    repo: str = REPOSITORY
    tokens: dict[str, str | None] = field(default_factory=dict, repr=False)
    kafka: str | None = None
    otlp: str | None = None
    query: str | None = None
    docker: str | None = None
    docker_readonly: str | None = None
    jules: str | None = None
    """Base URL of Jules' REST API, and the key it is asked with."""
    jules_key: str | None = field(default=None, repr=False)
    chroma: str | None = None
    """Base URL of the knowledge base."""
    health: dict[str, int] = field(default_factory=dict)
    """Worker to the TCP port of its /healthz and /metrics."""


def worker_variables(name: str, given: Settings, state: Path, at: Addresses, keyring: Path) -> dict[str, str | None]:
    """The environment of worker `name`; None is left out. It learns of no other role's key."""
    own_key = (given.keys_dir or state / "keys") / f"{name}.key"
    webhook = name == "herald" and given.webhook_secret is not None and given.webhook_port is not None
    alert_token = given.alert_token.get_secret_value() if name == "scout" and given.alert_token else None
    secret = given.webhook_secret.get_secret_value() if webhook and given.webhook_secret else None
    told = _pace(given) | {
        "GITHUB_PERSONAL_ACCESS_TOKEN": at.tokens["fleet"],
        "GITHUB_REPOSITORY": at.repo,
        "GITHUB_API_URL": at.api,
        "KAFKA_BOOTSTRAP_SERVERS": at.kafka,
        "JAEGER_URL": at.query,
        "OTEL_EXPORTER_OTLP_ENDPOINT": at.otlp,
        "DOCKER_HOST": at.docker if name == HANDS else at.docker_readonly,
        "SRE_DOCKER_READONLY_HOST": at.docker_readonly,
        "SRE_STATE_DIR": str(state),
        "SRE_KEY": str(own_key) if own_key.exists() else None,
        "SRE_KEYRING": str(keyring),
        "SRE_POLICY": str(given.policy),
        "SRE_MERGE": given.merge or ("policy" if given.github_token is None else "propose"),
        "SRE_LOG_LEVEL": given.log_level,
        "SRE_WEBHOOK_SECRET": secret,
        "SRE_WEBHOOK_PORT": str(given.webhook_port) if webhook else None,
        "SRE_REPLICAS": str(given.replicas),
        "SRE_HEALTH_HOST": given.health_host,
        "SRE_HEALTH_PORT": str(at.health.get(name, 0)),
        "SRE_ALERT_TOKEN": alert_token,
        "PROMETHEUS_URL": given.prometheus_url,
        "SRE_CRASH_AT": _crash_at(name, given.crash_at),
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_TRIM_THRESHOLD_": "65536",
    }
    if name == SHOWS:
        told |= {"DOCKER_HOST": None, "SRE_DOCKER_READONLY_HOST": None, "SRE_KEY": None}
        told |= _given(given, "dashboard")
        told["SRE_DASHBOARD_PORT"] = str(at.health.get(name, given.dashboard_port))
    if name in (PROVES, HANDS):
        told |= _sandbox(given)
    if name == PROVES:
        told |= _tier3(given, at)
    if name in KNOWS:
        told |= {"CHROMA_URL": at.chroma, **_given(given, "embedding"), **_given(given, "memory")}
    return told | (_given(given, "model") if name == ADVISED and given.model else {})


def _sandbox(given: Settings) -> dict[str, str | None]:
    return {"SRE_SANDBOX_IMAGE": given.sandbox_image, "SRE_SANDBOX_DOCKER_HOST": given.sandbox_docker_host}


def _tier3(given: Settings, at: Addresses) -> dict[str, str | None]:
    """Who may be asked to change code: as the user set it, else the embedded Jules, then a person."""
    return {
        "JULES_API_KEY": at.jules_key,
        "JULES_API_URL": at.jules,
        "SRE_TIER3": ",".join(given.tier3) if given.tier3 else None,
        "SRE_TIER3_COMMAND": given.tier3_command,
    }


def _given(given: Settings, about: str) -> dict[str, str | None]:
    """The settings whose names begin so, as the user set them: where a model is, what it may cost and the like."""
    told: dict[str, str | None] = {}
    for field_name, variable in variables().items():
        if field_name.partition("_")[0] != about or (value := getattr(given, field_name)) is None:
            continue
        if isinstance(value, SecretStr):
            told[variable] = value.get_secret_value()
        elif isinstance(value, timedelta):
            told[variable] = f"{value.total_seconds():.15g}"
        else:
            told[variable] = str(value)
    return told


def _pace(given: Settings) -> dict[str, str | None]:
    """What the user set; else the faster embedded value where that part is embedded; else the default."""
    embedded = {"healthy_for": given.docker_host is None, "herald_every": given.github_token is None}
    chosen: dict[str, str | None] = {}
    for variable, field_name in _PACE.items():
        value: timedelta = getattr(given, field_name)
        if embedded.get(field_name) and field_name not in given.model_fields_set:
            value = EMBEDDED_PACE[field_name]
        chosen[variable] = f"{value.total_seconds():g}"
    return chosen | {"SRE_DASHBOARD_ISSUE": None if given.board_issue else "false"}


def _crash_at(name: str, setting: str | None) -> str | None:
    """`POINT:MARKER` is for every worker, `AGENT@POINT:MARKER` for that one."""
    agent, at, rest = (setting or "").partition("@")
    if not at or ":" in agent:
        return setting
    return rest if agent == name else None
