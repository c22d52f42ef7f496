"""`run dashboard`: reads GitHub and the stream, serves the page. It has no key and no engine, and writes as nobody but
the person who is signed in."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Final

import structlog
import uvicorn

from dashboard.app import Parts, build
from dashboard.hub import About, Hub, Secrets
from dashboard.reader import Reader
from dashboard.sessions import Sessions
from dashboard.shapes import Budget
from dashboard.telemetry import TOPICS, Telemetry
from mission_control.dashboard.people import AtTheDoor
from mission_control.dashboard.switch import FreezeSwitch
from mission_control.fleet.absent import NoTraces
from mission_control.fleet.measures import measure_parts
from mission_control.fleet.policy_file import read_policy
from mission_control.fleet.roster import ROLES
from mission_control.github import pages
from mission_control.settings import BadSettings, Settings
from shared.adapters.github import Address, GitHub, connect
from shared.adapters.jaeger import JaegerTraces
from shared.adapters.kafka import Stream
from shared.incident.signing import parse_keyring
from shared.ports import Permanent, Traces, Transient
from shared.runtime.clock import SystemClock
from shared.runtime.meter import Meter
from shared.stream import WAKEUPS, Event

_log = structlog.get_logger()

STALLED_AFTER: Final = 60.0
"""Seconds without a turn of the reader after which /healthz says so."""


def run_dashboard(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; 0 after that, 1 when a part failed. Raises BadSettings."""
    with ExitStack() as stack:
        server, failed = _put_together(settings, stack)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # uvicorn raises again what it was stopped by
        server.run()
        return 1 if failed() or not server.started else 0


class _Pulse:
    """Ticks once a second, and ends the server when a part has failed."""

    def __init__(self, hub: Hub, reader: Reader, server: uvicorn.Server) -> None:
        self._hub, self._reader, self._server = hub, reader, server
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tick", daemon=True)
        self.check: Callable[[], None] = lambda: None
        self.failure: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(3.0)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(1.0 - time.time() % 1.0):
                self._hub.tick()
                self.check()
                if self._reader.failure is not None:
                    raise self._reader.failure
        except BaseException as error:
            self.failure = error
            self._server.should_exit = True
            raise


def _put_together(settings: Settings, stack: ExitStack) -> tuple[uvicorn.Server, Callable[[], bool]]:
    if settings.github_token is None or settings.github_repository is None:
        raise BadSettings(("GITHUB_PERSONAL_ACCESS_TOKEN and GITHUB_REPOSITORY must be set",))
    clock, policy, repo = SystemClock(), read_policy(settings), settings.github_repository
    try:
        keyring = parse_keyring(settings.keys_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSettings((f"SRE_KEYRING: {settings.keys_file}: {error}",)) from error
    token = settings.github_token.get_secret_value()
    address = Address(settings.github_api_url, repo, token, user_agent="sre-space/dashboard")
    github = connect(address, settings.state_dir / "budget", clock)
    stack.callback(github.close)
    traces: Traces = JaegerTraces(settings.jaeger_url) if settings.jaeger_url else NoTraces()
    site = pages(settings.github_api_url, settings.github_server_url)
    about = About(repo, f"{site}/{repo}/issues", policy)
    secrets = Secrets([token])
    hub = Hub(about, Telemetry(ROLES, tuple(policy.services), clock.now()), secrets, clock.now)
    hub.now, hub.allowances = github.reads.now, partial(_allowances, github)
    switch = FreezeSwitch(github)
    reader = Reader(hub, github.reads, switch, keyring, clock.monotonic, partial(_look_at_traces, hub, traces))
    kafka = Stream(settings.kafka, "sre-dashboard") if settings.kafka else None
    meter = Meter()
    measure_parts(meter, github, kafka)
    sessions = Sessions(clock.monotonic, secrets.set_added)
    parts = Parts(
        hub=hub,
        door=AtTheDoor(settings.github_api_url, repo, keyring.accounts, github.reads),
        sessions=sessions,
        switches=switch,
        traces=traces,
        trace_page=partial(_trace_page, settings.dashboard_traces or settings.jaeger_url),
        state=partial(_state, reader, hub),
        look=lambda number: reader.look(number) if number else reader.look_at_switch(),
        hosts=[name.strip() for name in settings.dashboard_names.split(",") if name.strip()],
        meter=meter,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            build(parts),
            host=settings.dashboard_host,
            port=settings.dashboard_port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=2,
        )
    )
    pulse = _Pulse(hub, reader, server)
    if kafka is not None:
        stack.callback(kafka.close, 2.0)
        pulse.check = _follow(kafka, hub, reader).check
    else:
        hub.on_source("kafka", False, "KAFKA_BOOTSTRAP_SERVERS is not set: no telemetry, GitHub is polled")
    for part in (reader, pulse):
        stack.callback(part.stop)
        part.start()
    return server, lambda: pulse.failure is not None


def _follow(kafka: Stream, hub: Hub, reader: Reader) -> _Listening:
    def take(topic: str, event: Event) -> None:
        if topic == WAKEUPS:
            reader.on_wakeup(event)
        else:
            hub.on_event(topic, event)

    subscription = kafka.subscribe((WAKEUPS, *TOPICS), None, take, on_up=reader.resync_soon)
    return _Listening(lambda: subscription.up, subscription.check, hub)


class _Listening:
    """The stream, looked at once a second."""

    def __init__(self, up: Callable[[], bool], check: Callable[[], None], hub: Hub) -> None:
        self._up, self._check, self._hub = up, check, hub

    def check(self) -> None:
        """Say how the stream is; raises what ended the reading of it."""
        self._check()
        up = self._up()
        self._hub.on_source("kafka", up, "" if up else "away: GitHub is polled, telemetry stands still")


def _look_at_traces(hub: Hub, traces: Traces) -> None:
    try:
        hub.on_source("traces", True, f"{len(traces.services())} services have sent spans")
    except (Transient, Permanent) as failure:
        hub.on_source("traces", False, str(failure))


def _trace_page(base: str | None, trace_id: str) -> str | None:
    return f"{base}/trace/{trace_id}" if base else None


def _state(reader: Reader, hub: Hub) -> tuple[bool, dict[str, object]]:
    idle = time.monotonic() - reader.turned_at
    well = reader.failure is None and idle < STALLED_AFTER
    return well, {"last_turn_s": round(idle, 3), "incidents": len(hub.logs), "busy": reader.behind}


def _allowances(github: GitHub) -> list[Budget]:
    """What the fleet's account may still write, as far as this host's processes count it; nothing when unknown."""
    try:
        spent = github.budget.spent()
    except (Transient, Permanent):  # whose token it is cannot be asked just now
        return []
    return [
        Budget(
            name="comments and issues" if window.kind == "creations" else "all writes",
            used=used,
            of=window.limit,
            window_s=window.seconds,
            scope="github",
            detail="the fleet's own limit for its account, as counted by the processes of this host",
        )
        for window, used in spent
    ]
