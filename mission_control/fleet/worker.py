"""One worker process, put together from the settings and run until it is told to stop."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import structlog

from mission_control.fleet.absent import NoStream
from mission_control.fleet.kit import Kit, Running
from mission_control.fleet.measures import measure_parts
from mission_control.fleet.policy_file import read_policy
from mission_control.fleet.roster import ROLES, SHARED, WAKES_ON
from mission_control.fleet.wiring import BUILD
from mission_control.settings import BadSettings, Settings
from mission_control.world.keys import read_key
from shared import crashpoints, stream
from shared.adapters.github import Address, PacedQueue, connect
from shared.adapters.kafka import Stream
from shared.incident.record import Role
from shared.incident.signing import Keyring, KeySigner, parse_keyring
from shared.redaction import Redactor
from shared.runtime import log, telemetry
from shared.runtime.archive import Archive
from shared.runtime.clock import SystemClock
from shared.runtime.health import HealthServer
from shared.runtime.projector import Projector
from shared.runtime.scribe import Desk, Scribe
from shared.runtime.step import Stepper
from shared.runtime.worker import Pace, Worker

_log = structlog.get_logger()


def run_agent(name: str, settings: Settings) -> int:
    """Run one process of the roster until SIGTERM or SIGINT. Raises BadSettings before anything is started."""
    redactor = redactor_of(settings)
    log.configure(name, settings.log_level, redactor)
    if settings.crash_at:
        crashpoints.arm(settings.crash_at)
    if name == "herald":
        from mission_control.herald.main import run_herald

        return run_herald(settings)
    if name == "dashboard":
        from mission_control.dashboard.main import run_dashboard

        return run_dashboard(settings)
    with ExitStack() as stack:
        role = next(role for role in ROLES if role == name)
        worker = put_together(role, settings, redactor, stack).worker
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        worker.run()
    return 0


def redactor_of(settings: Settings) -> Redactor:
    """Knows every secret of the settings by heart."""
    secrets = (
        settings.github_token,
        settings.webhook_secret,
        settings.alert_token,
        settings.model_key,
        settings.embedding_key,
    )
    return Redactor([secret.get_secret_value() for secret in (*secrets, settings.jules_key) if secret is not None])


def put_together(role: Role, settings: Settings, redactor: Redactor, stack: ExitStack) -> Running:
    """One worker with everything it needs, not yet running; what must be closed is in `stack`. Raises BadSettings."""
    if settings.github_token is None or settings.github_repository is None:
        raise BadSettings(("GITHUB_PERSONAL_ACCESS_TOKEN and GITHUB_REPOSITORY must be set",))
    clock = SystemClock()
    keyring, policy = _keyring(settings), read_policy(settings)
    if settings.otlp_url:
        stack.callback(telemetry.export_to(settings.otlp_url, f"sre-{role}"))
    address = Address(
        api_url=settings.github_api_url,
        repo=settings.github_repository,
        token=settings.github_token.get_secret_value(),
        user_agent=f"sre-space/{role}",
    )
    github = connect(address, settings.state_dir / "budget", clock)
    stack.callback(github.close)
    kafka = Stream(settings.kafka, f"sre-{role}") if settings.kafka else None
    if kafka is not None:
        stack.callback(kafka.close, 2.0)
    health = HealthServer(settings.health_port, settings.health_host)
    stack.callback(health.close)
    measure_parts(health.meter, github, kafka)
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
        meter=health.meter,
    )
    scribe = Scribe(desk, Projector(github.reads, github.writes, keyring, queue))
    archive = Archive(github.reads, keyring)
    kit = Kit(settings, clock, github, archive, keyring, policy, redactor, health, queue, desk.publisher)
    pace = Pace(resync_every=settings.resync_every, patrol_every=settings.probe_every if role == "scout" else None)
    agent, hand, finish = BUILD[role](kit, stack)
    worker = Worker(Stepper(agent, desk, scribe, hand), desk, scribe, pace, WAKES_ON[role])
    worker.heartbeat = lambda: scribe.beat(worker.state()[1])
    if kafka is not None:
        _wake(worker, kafka, f"sre-{role}" if settings.replicas > 1 and role in SHARED else None)
    health.state = worker.state
    running = Running(worker, desk, scribe, kafka)
    finish(running)
    return running


def _wake(worker: Worker, kafka: Stream, group: str | None) -> None:
    """`group`: the processes of a role share the wake-ups, and with them the incidents; None: each sees all."""
    subscription = kafka.subscribe(
        (stream.WAKEUPS,),
        group,
        lambda _, event: worker.on_wakeup(event),
        lambda: _log.warning("kafka is away: polling"),
        worker.resync_soon,
        on_share=worker.resync_soon,
    )
    if group is not None:
        worker.mine = lambda number: subscription.holds(str(number))
    worker.checks.append(subscription.check)


def _keyring(settings: Settings) -> Keyring:
    try:
        return parse_keyring(settings.keys_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSettings((f"SRE_KEYRING: {settings.keys_file}: {error}",)) from error


def _signer(role: Role, settings: Settings) -> KeySigner:
    file = settings.key_file(role)
    try:
        return KeySigner(role, read_key(file))
    except (OSError, ValueError) as error:
        raise BadSettings((f"SRE_KEY: {file}: {error}",)) from error
