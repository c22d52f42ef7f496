"""Independent witnesses of what happens to the world: they ask the engine, the shop and GitHub, never the fleet."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import requests

from mission_control.github import GithubSaysNo, Repository
from shared.incident.replay import Incident, replay
from shared.incident.signing import Keyring

if TYPE_CHECKING:
    from docker.client import DockerClient

WISH: Final = {
    "name": "Wanda Witness",
    "age": 41,
    "postcode": "W10 1XY",
    "claims": 0,
    "product": "home",
    "cover": "plus",
}
"""What the witness asks a quote for: a low risk."""
T = TypeVar("T")
_ASK_EVERY: Final = 0.1
BUY_EVERY: Final = 0.5
"""Rarer: Scout counts purchases, and the witness is not to make the picture."""
_PATIENCE: Final = 3600
"""Seconds the engine may have nothing to tell."""


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """One event of the engine; `at` is epoch seconds by the engine's clock."""

    at: float
    name: str
    action: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the witness: when it was sent (epoch s), whether it was answered well, how long it took (s)."""

    at: float
    ok: bool
    took: float


class EngineWitness:
    """Keeps every container event from now on."""

    def __init__(self, address: str) -> None:
        import docker

        self.events: list[EngineEvent] = []
        self.trouble: str | None = None
        """Why it sees nothing any more, when that is so."""
        self._client: DockerClient = docker.DockerClient(base_url=address, version="auto", timeout=_PATIENCE)
        self._stream: Any = self._client.events(decode=True, filters={"type": "container"})
        self._closing = False
        threading.Thread(target=self._read, name="engine-witness", daemon=True).start()

    def restarts(self, since: float) -> dict[str, int]:
        """Container name to how often it was restarted since then (epoch s)."""
        counts: dict[str, int] = {}
        for event in tuple(self.events):
            if event.action == "restart" and event.at >= since:
                counts[event.name] = counts.get(event.name, 0) + 1
        return counts

    def first(self, name: str, actions: tuple[str, ...], since: float) -> float | None:
        """When `name` first had one of `actions` since then (epoch s)."""
        found = (e.at for e in tuple(self.events) if e.name == name and e.action in actions and e.at >= since)
        return next(found, None)

    def close(self) -> None:
        self._closing = True
        self._stream.close()
        self._client.close()

    def _read(self) -> None:
        try:
            for row in self._stream:
                name = row.get("Actor", {}).get("Attributes", {}).get("name", "")
                self.events.append(EngineEvent(row["timeNano"] / 1e9, name, row["Action"]))
        except (OSError, ValueError, AttributeError) as error:  # what a closed stream raises depends on its place
            if not self._closing:
                self.trouble = f"the engine's events ended: {error}"
            return
        if not self._closing:
            self.trouble = "the engine's events ended"


class Watcher:
    """Asks the same thing `every` so many seconds from a thread of its own; keeps the last 6,000 answers."""

    def __init__(self, name: str, ask: Callable[[requests.Session], bool], every: float = _ASK_EVERY) -> None:
        self._ask = ask
        self._every = every
        self._stop = threading.Event()
        self._answers: deque[Asked] = deque(maxlen=6000)
        threading.Thread(target=self._run, name=f"witness-{name}", daemon=True).start()

    def answers(self, since: float) -> tuple[Asked, ...]:
        """What was asked since then (epoch s), oldest first."""
        return tuple(one for one in tuple(self._answers) if one.at >= since)

    def well_from(self, since: float, faster_than: float = 5.0, in_a_row: int = 3) -> float | None:
        """The beginning of the first `in_a_row` good answers, each under `faster_than` s, since then (epoch s)."""
        row: list[float] = []
        for one in self.answers(since):
            row = [*row, one.at + one.took] if one.ok and one.took < faster_than else []
            if len(row) == in_a_row:
                return row[0]
        return None

    def close(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self._stop.is_set():
                at, began = time.time(), time.monotonic()
                try:
                    ok = self._ask(session)
                except requests.RequestException:
                    ok = False
                self._answers.append(Asked(at, ok, time.monotonic() - began))
                self._stop.wait(self._every)


def health_of(url: str) -> Callable[[requests.Session], bool]:
    """Asks a health URL."""
    return lambda session: session.get(url, timeout=2).ok


def quote_at(marketplace: str) -> Callable[[requests.Session], bool]:
    """Asks the shop for a quote, as a customer does: it goes through every service."""
    return lambda session: session.post(f"{marketplace}/api/quotes", json=WISH, timeout=5).status_code == 201


def purchase_at(marketplace: str) -> Callable[[requests.Session], bool]:
    """Buys a cover, as a customer does: a quote, then its purchase. Underwriting's refusal is no good answer."""

    def buy(session: requests.Session) -> bool:
        quote = session.post(f"{marketplace}/api/quotes", json=WISH, timeout=5)
        if quote.status_code != 201:
            return False
        wish = {"quote_id": quote.json()["quote_id"]}
        return session.post(f"{marketplace}/api/purchases", json=wish, timeout=5).status_code == 201

    return buy


@dataclass(slots=True)
class GithubWitness:
    """Reads the control repository as any person may, and the embedded forge's own count of requests."""

    repository: Repository
    keyring: Keyring
    pages: str
    admin_token: str | None

    def numbers(self) -> frozenset[int]:
        """Every issue labelled `incident`, open or closed. Raises GithubSaysNo."""
        return frozenset(row["number"] for row in self.repository.pages("/issues", labels="incident", state="all"))

    def incident(self, number: int) -> Incident:
        """Raises GithubSaysNo."""
        return replay(self.repository.thread(number), self.keyring)

    def stats(self, since: int = 0) -> dict[str, Any] | None:
        """The forge's request counts since request number `since`; None where GitHub is the real one."""
        if self.admin_token is None:
            return None
        try:
            answer = requests.get(
                f"{self.pages}/_forge/stats",
                params={"since": since},
                headers={"X-Forge-Admin": self.admin_token},
                timeout=5,
            )
            counts: dict[str, Any] = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise GithubSaysNo(f"the forge does not tell its request counts: {error}") from error
        return counts


def wait_until(ask: Callable[[], T], seconds: float, every: float = 0.05) -> T:
    """The first true answer, asked `every` so many seconds; the last one when the time is up."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(every)
    return answer
