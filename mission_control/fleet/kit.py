"""What the wiring of an agent draws on, and what it may add to once its worker is put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mission_control.settings import Settings
from shared.adapters.github import GitHub, PacedQueue
from shared.adapters.kafka import Stream
from shared.agent import Agent, Hand
from shared.incident.signing import Keyring
from shared.policy.model import Policy
from shared.ports import Publisher
from shared.redaction import Redactor
from shared.runtime.archive import Archive
from shared.runtime.clock import SystemClock
from shared.runtime.health import HealthServer
from shared.runtime.scribe import Desk, Scribe
from shared.runtime.worker import Worker


@dataclass(frozen=True, slots=True)
class Kit:
    """What the wiring of every agent may draw on."""

    settings: Settings
    clock: SystemClock
    github: GitHub
    archive: Archive
    keyring: Keyring
    policy: Policy
    redactor: Redactor
    health: HealthServer
    """Of this very process; its meter is where an agent counts."""
    queue: PacedQueue
    """Writes that may lag."""
    publisher: Publisher
    """The stream, or nothing where there is none."""


@dataclass(frozen=True, slots=True)
class Running:
    """A worker that is put together, for what an agent adds to it."""

    worker: Worker
    desk: Desk
    scribe: Scribe
    kafka: Stream | None


Built = tuple[Agent[Any], Hand[Any] | None, Callable[[Running], None]]
