"""The herald's process: its lists on GitHub, the stream it publishes to, and its webhook where one is configured."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from agents.memory.rounds import Rounds
from mission_control.fleet.measures import measure_stream
from mission_control.fleet.policy_file import read_policy
from mission_control.herald.changes import Hint
from mission_control.herald.heartbeat import Heartbeat, describing
from mission_control.herald.herald import Herald
from mission_control.herald.keeper import EVERY, Ears, Keeper
from mission_control.herald.webhook import Webhook
from mission_control.herald.world import GitHubWorld
from mission_control.settings import BadSettings, Settings
from shared.adapters.github import Address, GitHub, connect
from shared.adapters.kafka import Stream
from shared.incident.labels import INCIDENT
from shared.incident.signing import parse_keyring
from shared.ports import Clock, Permanent
from shared.runtime.archive import Archive
from shared.runtime.clock import SystemClock
from shared.runtime.health import HealthServer
from shared.stream import HEARTBEATS, Event

log = logging.getLogger("mission_control.herald")

IDLE_EVERY: Final = 5.0
"""Seconds between two looks at whether a heartbeat is due, where there is nothing else to do."""


def run_herald(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; 0 after that, 1 when GitHub refuses. Raises BadSettings."""
    stopping = threading.Event()
    with ExitStack() as stack:
        health = HealthServer(settings.health_port, settings.health_host)
        stack.callback(health.close)
        if settings.kafka is None:
            log.warning("KAFKA_BOOTSTRAP_SERVERS is not set: nobody can be woken, the workers poll")
            _on_signals(stopping.set)
            github = _github(settings, stack)
            heartbeat = _heartbeat(github, SystemClock(), deaf=True)
            check = _board(settings, github, None, stack)
            while not stopping.wait(IDLE_EVERY):
                heartbeat.step()
                check()
            return 0
        stream = Stream(settings.kafka, "herald")
        stack.callback(stream.close, 2.0)
        herald = _herald(settings, stream, stack)
        health.state = herald.state
        measure_stream(health.meter, stream)
        health.meter.gauge(
            "sre_loop_lag_seconds", "Time since the last poll.", lambda: herald.state()[1]["last_poll_s"]
        )
        _on_signals(herald.stop)
        webhook = _webhook(settings, herald)
        if webhook is not None:
            stack.callback(webhook.close)
        try:
            herald.run(settings.herald_every)
        except Permanent as no:
            log.error("%s", no)
            return 1
    return 0


def _github(settings: Settings, stack: ExitStack) -> GitHub:
    if settings.github_token is None or settings.github_repository is None:
        raise BadSettings(("GITHUB_PERSONAL_ACCESS_TOKEN and GITHUB_REPOSITORY must be set",))
    address = Address(
        api_url=settings.github_api_url,
        repo=settings.github_repository,
        token=settings.github_token.get_secret_value(),
    )
    github = connect(address, settings.state_dir / "budget", SystemClock())
    stack.callback(github.close)
    return github


def _herald(settings: Settings, stream: Stream, stack: ExitStack) -> Herald:
    github, clock = _github(settings, stack), SystemClock()
    heartbeat = _heartbeat(github, clock, deaf=False)
    ears = Ears(github.reads.now)
    late: list[Herald] = []

    def tell(number: int) -> None:
        for herald in late:
            herald.announce([Hint(number, "ticked")])

    check = _board(settings, github, ears, stack, tell)

    def on_event(_: str, event: Event) -> None:
        heartbeat.on_event(event)
        ears.on_event(event)

    def polled() -> None:
        heartbeat.step()
        check()

    stream.subscribe((HEARTBEATS,), None, on_event)
    herald = Herald(
        github.wire.address.repo,
        github.watch("/issues/events"),
        github.watch("/issues/comments", {"sort": "updated", "direction": "desc"}),
        github.watch("/issues", {"labels": INCIDENT, "state": "open"}),
        publisher=stream,
        clock=clock,
        fleet=parse_keyring(settings.keys_file.read_text(encoding="utf-8")).accounts,
        heartbeat=polled,
    )
    late.append(herald)
    return herald


def _board(
    settings: Settings,
    github: GitHub,
    ears: Ears | None,
    stack: ExitStack,
    tell: Callable[[int], None] = lambda _: None,
) -> Callable[[], None]:
    """Keep the fleet's own issue beside the polling; call what is returned to hear of a bug in that."""
    if not settings.board_issue:
        return lambda: None
    keyring = parse_keyring(settings.keys_file.read_text(encoding="utf-8"))
    past = Archive(github.reads, keyring)
    keeper = Keeper(GitHubWorld(github), past, github.writes, read_policy(settings), lambda: github.login, ears, tell)
    rounds = Rounds("board", keeper.step, EVERY)
    rounds.start()
    stack.callback(rounds.stop)
    return rounds.check


def _heartbeat(github: GitHub, clock: Clock, *, deaf: bool) -> Heartbeat:
    return Heartbeat(describing(github), github.reads.now, clock, deaf=deaf)


def _webhook(settings: Settings, herald: Herald) -> Webhook | None:
    if settings.webhook_port is None or settings.webhook_secret is None:
        return None

    def on_hint(hint: Hint) -> None:
        herald.announce([hint])
        herald.nudge()

    webhook = Webhook(settings.webhook_port, settings.webhook_secret.get_secret_value(), on_hint)
    log.info("webhooks are taken at http://127.0.0.1:%d/", webhook.port)
    return webhook


def _on_signals(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())
