"""The dashboard's application with in-memory people and traces, as the tests ask it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from starlette.testclient import TestClient

from dashboard.app import Parts, build
from dashboard.doors import No
from dashboard.hub import About, Hub, Secrets
from dashboard.sessions import Sessions
from dashboard.shapes import Switch
from dashboard.telemetry import Telemetry
from shared.analysis.trace import Trace
from shared.ports import Transient
from shared.testing.clock import VirtualClock
from tests.policy_file import shipped_policy

HOST = "127.0.0.1:3001"
ORIGIN = f"http://{HOST}"
SECRET = "canary-6f1d0c2b7a55"
"""A secret of the process, which must never come out."""
OPERATOR = "token-of-olivia-1f0e9d8c7b6a"
OUTSIDER = "token-of-mallory-1f0e9d8c7b"
FLEET = "token-of-the-fleet-1f0e9d8c7b"


@dataclass
class Somebody:
    """Fulfils `doors.Person`; `said` is what came of it."""

    login: str
    role: str
    said: list[tuple[str, ...]] = field(default_factory=list)

    def permission(self) -> str:
        return self.role

    def say(self, number: int, line: str) -> str:
        self.said.append(("say", str(number), line))
        return f"https://github.com/acme/shop/issues/{number}#issuecomment-1"

    def freeze(self, why: str) -> str:
        self.said.append(("freeze", why))
        return "https://github.com/acme/shop/issues/9"

    def unfreeze(self) -> list[str]:
        self.said.append(("unfreeze",))
        return ["https://github.com/acme/shop/issues/9"]


class Doorkeeper:
    """Fulfils `doors.Door`."""

    def __init__(self) -> None:
        self.people = {OPERATOR: Somebody("olivia", "maintain"), OUTSIDER: Somebody("mallory", "read")}

    def as_person(self, token: str) -> Somebody:
        if token == FLEET:
            raise No("sre-fleet is no person: the fleet cannot command itself")
        if token not in self.people:
            raise No("GitHub: 401", 401)
        return self.people[token]


class NeverFrozen:
    """Fulfils `doors.Switches`."""

    def now(self) -> Switch:
        return Switch(frozen=False, why="", url=None, readable=True)

    def at(self, moment: datetime) -> Switch:
        return self.now()


class KnownTraces:
    """Fulfils the part of `Traces` that is asked."""

    def __init__(self) -> None:
        self.known: dict[str, Trace] = {}
        self.away = False

    def trace(self, trace_id: str) -> Trace | None:
        if self.away:
            raise Transient(f"traces at http://127.0.0.1: refused, password={SECRET}")
        return self.known.get(trace_id)

    def services(self) -> tuple[str, ...]:
        return ()

    def traces(self, *_: object, **__: object) -> tuple[Trace, ...]:
        return ()


class World:
    """One dashboard. `client` is a browser on this machine, on the dashboard's own page."""

    def __init__(self, static: Path | None = None, hosts: tuple[str, ...] = ()) -> None:
        self.clock = VirtualClock()
        self.door, self.traces = Doorkeeper(), KnownTraces()
        self.looked: list[int] = []
        secrets = Secrets([SECRET])
        about = About("acme/shop", "https://github.com/acme/shop/issues", shipped_policy())
        telemetry = Telemetry(("scout", "brain"), ("quote-service",), self.clock.now())
        self.hub = Hub(about, telemetry, secrets, self.clock.now)
        self.sessions = Sessions(self.clock.monotonic, secrets.set_added)
        self.parts = Parts(
            hub=self.hub,
            door=self.door,
            sessions=self.sessions,
            switches=NeverFrozen(),
            traces=self.traces,
            trace_page=lambda trace_id: f"http://127.0.0.1:16686/trace/{trace_id}",
            look=self.looked.append,
            hosts=hosts,
        )
        if static is not None:
            self.parts.static = static
        self.app = build(self.parts)
        self.client = self.browser()

    def browser(self, base: str = ORIGIN) -> TestClient:
        """Another one, without cookies."""
        headers = {"Origin": base, "Content-Type": "application/json"}
        return TestClient(self.app, base, headers=headers, raise_server_exceptions=True)

    def sign_in(self, token: str = OPERATOR) -> None:
        answer = self.client.post("/session", json={"token": token})
        assert answer.status_code == 200, answer.text
