"""The composition root of a worker: which agent gets which ports, and the one place where adapters meet agents."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args

import structlog

from mission_control.keys import read_key
from mission_control.settings import BadSettings, Settings
from shared import crashpoints, stream
from shared.adapters.github import Address, GitHub, PacedQueue, connect
from shared.adapters.kafka import Stream
from shared.agent import Agent, Hand
from shared.analysis.trace import Trace
from shared.incident.facts import Role
from shared.incident.signing import Keyring, KeySigner, parse_keyring
from shared.policy.model import Policy, parse_policy
from shared.ports import Engine, Permanent, Traces
from shared.redaction import Redactor
from shared.runtime import log, telemetry
from shared.runtime.archive import Archive
from shared.runtime.clock import SystemClock
from shared.runtime.health import HealthServer
from shared.runtime.patrol import PatrolRound
from shared.runtime.projector import Projector
from shared.runtime.scribe import Desk, Scribe
from shared.runtime.step import Stepper
from shared.runtime.worker import Pace, Worker

_log = structlog.get_logger()

ROLES: Final[tuple[Role, ...]] = ("scout", "brain", "guardrail", "fixer", "memory", "escalation")
AGENTS: Final = (*ROLES, "herald")
"""Every process of the fleet."""

WAKES_ON: Final[dict[Role, frozenset[str]]] = {
    "scout": frozenset(("detected", "applied", "ruled:veto", "ruled:needs-approval", "escalated", "stuck")),
    "brain": frozenset(("detected", "refused", "verified:unhealthy", "ruled:stale", "commanded:retry")),
    "guardrail": frozenset(("diagnosed",)),
    "fixer": frozenset(("ruled:allow", "commanded:approve", "began")),
    "memory": frozenset(("verified:healthy", "verified:recovered", "learned")),
    "escalation": frozenset(),
}
"""The facts after which each agent may have something to do. Every other kind of wake-up reaches all of them."""


class NoTraces:
    """The traces where there is no Jaeger: every question fails, so nobody mistakes silence for health."""

    # ruff: noqa: ARG002 - the shape of the port

    def services(self) -> tuple[str, ...]:
        raise Permanent("JAEGER_URL is not set")

    def traces(
        self, service: str, start: datetime, end: datetime, *, limit: int = 200, errors_only: bool = False
    ) -> tuple[Trace, ...]:
        raise Permanent("JAEGER_URL is not set")

    def trace(self, trace_id: str) -> Trace | None:
        raise Permanent("JAEGER_URL is not set")


class NoStream:
    """The stream where there is no Kafka: nobody is woken, everybody polls."""

    def publish(self, topic: str, key: str, event: stream.Event) -> None:
        """Nothing: wake-ups, thoughts and heartbeats only make things faster or visible."""


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
    health_url: str
    """Of this very process."""


def run_agent(name: str, settings: Settings) -> int:
    """Run one process of the fleet until SIGTERM or SIGINT. Raises BadSettings before anything is started."""
    secrets = [s.get_secret_value() for s in (settings.github_token, settings.webhook_secret) if s is not None]
    redactor = Redactor(secrets)
    log.configure(name, settings.log_level, redactor)
    if settings.crash_at:
        crashpoints.arm(settings.crash_at)
    if name == "herald":
        from mission_control.herald.main import run_herald

        return run_herald(settings)
    if name not in get_args(Role):
        raise BadSettings((f"{name} is not an agent; there are {', '.join(AGENTS)}",))
    with ExitStack() as stack:
        worker = _worker(name, settings, redactor, stack)  # type: ignore[arg-type]
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        worker.run()
    return 0


def _worker(role: Role, settings: Settings, redactor: Redactor, stack: ExitStack) -> Worker:
    """One worker with everything it needs; what must be closed is in `stack`."""
    if settings.github_token is None or settings.github_repository is None:
        raise BadSettings(("GITHUB_PERSONAL_ACCESS_TOKEN and GITHUB_REPOSITORY must be set",))
    clock = SystemClock()
    keyring, policy = _keyring(settings), _policy(settings)
    if settings.otlp_url:
        stack.callback(telemetry.export_to(settings.otlp_url, f"sre-{role}"))
    address = Address(
        api_url=settings.github_api_url,
        repo=settings.github_repository,
        token=settings.github_token.get_secret_value(),
    )
    github = connect(address, settings.state_dir / "budget", clock)
    stack.callback(github.close)
    kafka = Stream(settings.kafka, f"sre-{role}") if settings.kafka else None
    if kafka is not None:
        stack.callback(kafka.close, 2.0)
    queue = PacedQueue(clock)
    stack.callback(queue.stop, 3.0)
    desk = Desk(
        repo=settings.github_repository,
        signer=_signer(role, settings),
        keyring=keyring,
        issues=github.reads,
        writer=github.writes,
        publisher=kafka or NoStream(),
        clock=clock,
        redactor=redactor,
    )
    scribe = Scribe(desk, Projector(github.reads, github.writes, keyring, queue))
    health = HealthServer(settings.health_port)
    stack.callback(health.close)
    kit = Kit(settings, clock, github, Archive(github.reads, keyring), keyring, policy, redactor, health.url)
    pace = Pace(resync_every=settings.resync_every, patrol_every=settings.probe_every if role == "scout" else None)
    agent, hand, finish = BUILD[role](kit, stack)
    worker = Worker(Stepper(agent, desk, scribe, hand), desk, scribe, pace, WAKES_ON[role])
    worker.heartbeat = lambda: scribe.beat(worker.state()[1])
    if kafka is not None:
        _wake(worker, kafka)
    health.state = worker.state
    finish(Running(worker, desk, scribe, kafka))
    return worker


@dataclass(frozen=True, slots=True)
class Running:
    """A worker that is put together, for what an agent adds to it."""

    worker: Worker
    desk: Desk
    scribe: Scribe
    kafka: Stream | None


Built = tuple[Agent[Any], Hand | None, Callable[[Running], None]]


def _nothing_more(_: Running) -> None:
    """Most agents need no more than the loop."""


def _scout(kit: Kit, stack: ExitStack) -> Built:
    from agents.scout.agent import Scout
    from agents.scout.look import Patrol
    from agents.scout.verify import Patience
    from agents.scout.watch import Watch
    from shared.adapters.probe import HttpProbe

    settings = kit.settings
    late: list[Running] = []

    def nudge() -> None:
        for running in late:
            running.worker.agenda.poke()

    patrol = Patrol(_looking(kit, stack), _traces(kit), HttpProbe(), kit.clock, nudge=nudge, control_url=kit.health_url)
    watch = Watch(patrol)
    agent = Scout(watch, kit.github.reads.now, Patience(healthy_for=settings.healthy_for))

    def finish(running: Running) -> None:
        late.append(running)
        running.worker.patrol = PatrolRound(
            watch.step, running.desk, running.scribe, kit.archive, settings.recurrence_window
        )
        if running.kafka is not None:
            subscription = running.kafka.subscribe((stream.BUSINESS,), None, lambda _, event: patrol.on_business(event))
            running.worker.checks.append(subscription.check)
        patrol.start()
        stack.callback(patrol.stop)

    return agent, None, finish


def _brain(kit: Kit, stack: ExitStack) -> Built:
    from agents.brain.look import Brain

    reads = kit.github.reads
    window, most = kit.settings.recurrence_window, kit.policy.escalate_after
    agent = Brain(_looking(kit, stack), _traces(kit), reads, reads, kit.archive, window, most, kit.redactor)
    return agent, None, _nothing_more


def _guardrail(kit: Kit, stack: ExitStack) -> Built:
    from agents.guardrail.look import Guardrail

    reads = kit.github.reads
    agent = Guardrail(_looking(kit, stack), reads, reads, kit.archive, kit.policy)
    return agent, None, _nothing_more


def _fixer(kit: Kit, stack: ExitStack) -> Built:
    from agents.fixer.actuators.container import ContainerRestart
    from agents.fixer.actuators.ledger import Ledger
    from agents.fixer.look import Fixer
    from shared.adapters.docker import DockerHands

    if kit.settings.docker_host is None:
        raise BadSettings(("DOCKER_HOST must be set: the Fixer has nothing to act on",))
    docker = DockerHands(kit.settings.docker_host)
    stack.callback(docker.close)
    ledger = Ledger(kit.settings.state_dir / "ledger", kit.clock, time.sleep)
    hand = ContainerRestart(docker, ledger, kit.clock, frozenset(kit.policy.services))
    return Fixer(docker, kit.github.reads, ledger.recent, kit.policy), hand, _nothing_more


def _memory(kit: Kit, _: ExitStack) -> Built:
    from agents.memory.look import Memory

    return Memory(kit.github.reads, kit.archive, kit.settings.recurrence_window), None, _nothing_more


def _escalation(kit: Kit, _: ExitStack) -> Built:
    from agents.escalation.look import Escalation

    return Escalation(kit.github.reads, kit.keyring.accounts), None, _nothing_more


BUILD: Final[dict[Role, Callable[[Kit, ExitStack], Built]]] = {
    "scout": _scout,
    "brain": _brain,
    "guardrail": _guardrail,
    "fixer": _fixer,
    "memory": _memory,
    "escalation": _escalation,
}


def _wake(worker: Worker, kafka: Stream) -> None:
    subscription = kafka.subscribe(
        (stream.WAKEUPS,),
        None,
        lambda _, event: worker.on_wakeup(event),
        lambda: _log.warning("kafka is away: polling"),
        worker.resync_soon,
    )
    worker.checks.append(subscription.check)


def _looking(kit: Kit, stack: ExitStack) -> Engine:
    from shared.adapters.docker import ReadOnlyDocker

    address = kit.settings.engine_to_look_at
    if address is None:
        raise BadSettings(("DOCKER_HOST or SRE_DOCKER_READONLY_HOST must be set",))
    docker = ReadOnlyDocker(address)
    stack.callback(docker.close)
    return docker


def _traces(kit: Kit) -> Traces:
    from shared.adapters.jaeger import JaegerTraces

    return JaegerTraces(kit.settings.jaeger_url) if kit.settings.jaeger_url else NoTraces()


def _keyring(settings: Settings) -> Keyring:
    try:
        return parse_keyring(settings.keys_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSettings((f"SRE_KEYRING: {settings.keys_file}: {error}",)) from error


def _policy(settings: Settings) -> Policy:
    try:
        return parse_policy(settings.policy.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSettings((f"SRE_POLICY: {settings.policy}: {error}",)) from error


def _signer(role: Role, settings: Settings) -> KeySigner:
    file = settings.key_file(role)
    try:
        return KeySigner(role, read_key(file))
    except (OSError, ValueError) as error:
        raise BadSettings((f"SRE_KEY: {file}: {error}",)) from error
