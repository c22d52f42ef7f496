"""`deploy`: once, or following the default branch; to the embedded world's processes, or to containers of compose."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from mission_control.deployer.deploy import Deployer, Host, Outcome
from mission_control.deployer.follow import AGENT, Head, follow
from mission_control.deployer.journal import Busy
from mission_control.deployer.release import NoRelease, Releases
from mission_control.exits import Ended, Exit
from mission_control.github import GithubSaysNo, Repository, pages
from mission_control.settings import Settings
from mission_control.terminal.printable import printable
from mission_control.world import record
from mission_control.world.patients import Site
from shared.adapters.git import GitSaysNo
from shared.redaction import Redactor

if TYPE_CHECKING:
    from docker.client import DockerClient

    from mission_control.terminal.shapes import DeployShape

FOLDER: Final = "deploy"
"""Inside the state folder: the journal, the repository's clone and the releases."""
EMBEDDED_EVERY: Final = 0.5
"""Seconds between two looks at a forge on this machine. A real GitHub is asked as often as the herald asks it."""


class NotDeployed(Ended):
    """The deploy could not be tried at all; the message says why."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a person or a workflow asks for. `ref`: a commit, branch or tag; None is the default branch's head."""

    ref: str | None = None
    follow: bool = False
    compose: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """The repository that is deployed: `url` is git's, `api` the REST base URL."""

    api: str
    url: str
    name: str
    token: str

    @property
    def repository(self) -> Repository:
        return Repository(self.api, self.name, self.token, agent=AGENT)


def deploy(settings: Settings, order: Order) -> int:
    """0 when what was asked for is healthy (or following was stopped), 1 when not. Raises NotDeployed or NotRunning."""
    state = settings.state_dir.resolve()
    stop = threading.Event()
    with _stopping(stop), _logging(settings):
        if order.compose:
            from mission_control.deployer.compose import compose_host

            origin, host = _origin_of(settings), compose_host(settings, state / FOLDER)
        else:
            running = record.read(state)
            origin = origin_of(running.github)
            host = _processes(running)
        deployer = deployer_for(host, origin, state, stop.is_set)
        head = Head(origin.repository)
        if order.follow:
            here = origin.api.startswith("http://127.0.0.1:")
            follow(deployer, head, EMBEDDED_EVERY if here else settings.herald_every.total_seconds(), stop)
            return 0
        return _once(deployer, head, origin, order)


def deployer_for(host: Host, origin: Origin, state: Path, stopped: Callable[[], bool] = lambda: False) -> Deployer:
    """The deployer of this state folder."""
    releases = Releases(state / FOLDER, origin.url, origin.token)
    return Deployer(host, releases, origin.repository, state / FOLDER, Redactor((origin.token,)), stopped)


def origin_of(github: dict[str, object]) -> Origin:
    """The repository of a running world, by its run.json."""
    tokens = github["tokens"]
    token = tokens.get("fleet") if isinstance(tokens, dict) else None
    return Origin(str(github["api"]), f"{github['url']}/{github['repo']}.git", str(github["repo"]), str(token or ""))


def process_host(client: DockerClient, site: Site, address: str) -> Host:
    """The embedded engine's containers."""
    from mission_control.deployer.engine import Engine
    from mission_control.deployer.processes import ProcessHost

    return ProcessHost(Engine(client), site, address)


def _processes(running: record.Record) -> Host:
    import docker

    if not running.containers or running.docker is None:
        raise NotDeployed("this world has no marketplace of its own: see `deploy --compose`")
    ports = {name: int(url.split(":")[2].split("/")[0]) for name, url in running.containers.items()}
    site = Site(ports, Path(running.state), running.traces.get("otlp"), running.kafka)
    try:
        client = docker.DockerClient(base_url=running.docker, version="auto", timeout=20)
    except docker.errors.DockerException as error:
        raise NotDeployed(f"the engine does not answer: {error}") from error
    return process_host(client, site, running.docker)


def _origin_of(settings: Settings) -> Origin:
    if settings.github_token is None or settings.github_repository is None:
        raise NotDeployed(
            "GITHUB_PERSONAL_ACCESS_TOKEN and GITHUB_REPOSITORY say which repository is deployed; set both"
        )
    api = settings.github_api_url
    name = settings.github_repository
    return Origin(api, f"{pages(api)}/{name}.git", name, settings.github_token.get_secret_value())


def _once(deployer: Deployer, head: Head, origin: Origin, order: Order) -> int:
    from docker.errors import DockerException

    try:
        if order.ref is None:
            sha = head.now()
        else:
            sha = str(origin.repository.call("GET", f"/commits/{quote(order.ref, safe='')}").json()["sha"])
        outcome = deployer.deploy(sha)
        deployer.pay()
    except (GithubSaysNo, GitSaysNo, NoRelease, Busy, DockerException) as no:
        raise NotDeployed(str(no)) from no
    _tell(outcome, order.as_json)
    return Exit.OK if outcome.state == "success" else Exit.ERROR


def _tell(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        document: DeployShape = {
            "sha": outcome.sha,
            "state": outcome.state,
            "text": outcome.text,
            "touched": list(outcome.touched),
        }
        sys.stdout.write(json.dumps(document) + "\n")
    else:
        sys.stdout.write(printable(f"{outcome.sha[:10]} {outcome.state}: {outcome.text}") + "\n")


@contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _logging(settings: Settings) -> Iterator[None]:
    """One line an event on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    ours = logging.getLogger("mission_control.deployer")
    ours.setLevel(settings.log_level)
    ours.addHandler(handler)
    try:
        yield
    finally:
        ours.removeHandler(handler)
