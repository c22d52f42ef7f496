"""Brings up what the settings do not give: broker, forge, traces, engine, patients, and then the fleet itself."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mission_control.fleet.roster import AGENTS
from mission_control.github import Repository, pages
from mission_control.settings import Settings
from mission_control.world import embedded, ports, seed, targets
from mission_control.world.addresses import SHOWS, Addresses, worker_variables
from mission_control.world.keys import FLEET, make_accounts, make_jules_key, make_keys
from mission_control.world.patients import LOAD, SERVICES, Site
from mission_control.world.processes import NotStarted, Supervisor
from mission_control.world.record import Record
from shared.adapters.git import GitSaysNo

log = logging.getLogger("mission_control.world.build")


@dataclass(frozen=True, slots=True)
class Wish:
    """How a person wants it: consecutive ports from `port_base` on, with or without the agents."""

    port_base: int | None = None
    fleet: bool = True


class World:
    """Everything one `up` runs. `say` takes plain lines for people."""

    def __init__(self, settings: Settings, wish: Wish, say: Callable[[str], None]) -> None:
        self.settings = settings
        self.state = settings.state_dir.resolve()
        self.at = Addresses()
        self.site: Site | None = None
        """Where the marketplace is; None where it is somebody else's."""
        self.supervisor = Supervisor(self.state / "logs", self._record)
        self._say = say
        self._wish = wish
        self._recording = False
        self._servers: list[str] = []
        self._workers: list[str] = []

    def up(self) -> None:
        """Start it all. Raises NotStarted, NotSeeded, OSError or GithubSaysNo; call `down` whatever happens."""
        chosen = ports.choose(self._wish.port_base, self._say)
        keys = self.settings.keys_dir or self.state / "keys"
        make_keys(keys, self.keyring, self._fleet_login())
        self._start_servers(chosen)
        self._recording = True
        self._record()
        token = self.at.tokens["fleet"] or ""
        Repository(self.at.api, self.at.repo, token).sync_labels()
        if self.settings.github_token is None:
            seed.seed(self.at.pages, self.at.repo, token, self.settings.policy, self.keyring)
        self._deploy(chosen)
        self._record()
        if self.site is not None:
            self.supervisor.start([embedded.deployer(self.state)])
        if self._wish.fleet:
            workers = [name for name in AGENTS if name != SHOWS]
            self.at.health = ports.for_workers(workers, self.settings.health_port, chosen.values())
            self.at.health[SHOWS] = chosen[SHOWS]
            self._start_fleet()
            self._record()
        targets.write_targets(self.state, self._containers(), self._worker_urls())

    def step(self) -> None:
        """What is to be done about ten times a second."""
        self.supervisor.step()

    def down(self) -> None:
        """Stop everything, the fleet first, the servers last."""
        self._recording = False
        self.supervisor.stop([*self._workers, *(["deployer"] if "deployer" in self.supervisor.children else [])])
        self.supervisor.stop([name for name in self._servers if name == "engine"])
        self.supervisor.stop()
        (self.state / "run.json").unlink(missing_ok=True)

    def _worker_urls(self) -> dict[str, str]:
        return {name: f"http://127.0.0.1:{port}/healthz" for name, port in self.at.health.items()}

    @property
    def keyring(self) -> Path:
        return self.settings.keyring or self.state / "keys.toml"

    @property
    def marketplace(self) -> str | None:
        return f"http://127.0.0.1:{self.site.ports['frontend']}" if self.site else None

    @property
    def dashboard(self) -> str | None:
        port = self.at.health.get(SHOWS)
        return f"http://127.0.0.1:{port}" if port else None

    def _containers(self) -> dict[str, str]:
        """Container to the URL of its /healthz."""
        return {name: self.site.health_url(name) for name in (*SERVICES, LOAD)} if self.site else {}

    def _fleet_login(self) -> str:
        if self.settings.github_token is None:
            return FLEET
        token = self.settings.github_token.get_secret_value()
        return Repository(self.settings.github_api_url, self.settings.github_repository or "", token).login()

    def _start_servers(self, chosen: dict[str, int]) -> None:
        given, at, state = self.settings, self.at, self.state
        programs = []
        if given.kafka is None:
            programs.append(embedded.broker(state, chosen["broker"]))
        if given.github_token is None:
            accounts = make_accounts(state / "forge-accounts.json")
            at.tokens = {"fleet": accounts.fleet, "operator": accounts.operator, "outsider": accounts.outsider}
            programs.append(embedded.forge(state, chosen["forge"]))
        if given.jaeger_url is None:
            programs.append(embedded.traces(state, chosen["otlp"], chosen["query"]))
        if given.docker_host is None:
            programs.append(embedded.engine(state))
        if given.chroma_url is None:
            programs.append(embedded.chroma(state, chosen["chroma"]))
        self._servers = [program.name for program in programs]
        self.supervisor.start(programs)
        ready = {name: child.ready for name, child in self.supervisor.children.items()}
        at.chroma = given.chroma_url or f"http://127.0.0.1:{chosen['chroma']}"
        at.kafka = given.kafka or ready["broker"]["bootstrap"]
        at.query = given.jaeger_url or ready["traces"]["query"]
        at.otlp = given.otlp_url or (ready["traces"]["otlp"] if "traces" in ready else None)
        if given.github_token is None:
            at.api, at.pages = ready["forge"]["api"], ready["forge"]["url"]
        else:
            at.api, at.repo = given.github_api_url, given.github_repository or ""
            at.pages = pages(given.github_api_url)
            at.tokens = {"fleet": given.github_token.get_secret_value(), "operator": None, "outsider": None}
        if given.jules_key is not None:
            at.jules, at.jules_key = given.jules_url, given.jules_key.get_secret_value()
        elif given.github_token is None:
            at.jules_key = make_jules_key(state / "jules.key")
            self.supervisor.start([embedded.jules(state, chosen["jules"], at.pages)])
            at.jules = self.supervisor.children["jules"].ready["api"]
            self._servers.append("jules")
        at.docker = given.docker_host or f"unix://{ready['engine']['socket']}"
        at.docker_readonly = given.engine_to_look_at or f"unix://{ready['engine']['readonly_socket']}"

    def _deploy(self, chosen: dict[str, int]) -> None:
        if self.settings.docker_host is not None:
            self._say("DOCKER_HOST is yours: the marketplace is not deployed there (docker-compose.yml does that)")
            return
        import docker

        from mission_control.deployer.command import deployer_for, origin_of, process_host
        from mission_control.deployer.follow import Head
        from mission_control.deployer.journal import Busy
        from mission_control.deployer.release import NoRelease

        ports_of = {name: chosen[name] for name in (*SERVICES, LOAD)}
        self.site = Site(ports_of, self.state, self.at.otlp, self.at.kafka)
        origin = origin_of({"api": self.at.api, "url": self.at.pages, "repo": self.at.repo, "tokens": self.at.tokens})
        try:
            client = docker.DockerClient(base_url=self.at.docker, version="auto", timeout=20)
        except docker.errors.DockerException as error:
            raise NotStarted(f"the engine does not answer: {error}") from error
        deployer = deployer_for(process_host(client, self.site, self.at.docker or ""), origin, self.state)
        deployer.tick = self.supervisor.step
        try:
            outcome = deployer.deploy(Head(origin.repository).now(), waking=True)
            if outcome.state != "success":
                self._say(f"the marketplace: {outcome.text}")
        except NoRelease as no:
            self._say(f"{self.at.repo}: {no}, so the marketplace is not deployed until a commit brings it")
        except (docker.errors.DockerException, GitSaysNo, Busy) as error:
            raise NotStarted(f"the marketplace cannot be deployed: {error}") from error
        finally:
            client.close()

    def _start_fleet(self) -> None:
        programs = [embedded.worker(name, self.state, self._variables(name)) for name in AGENTS]
        self._workers = [program.name for program in programs]
        self.supervisor.start(programs)

    def _variables(self, name: str) -> dict[str, str | None]:
        return worker_variables(name, self.settings, self.state, self.at, self.keyring)

    def _record(self) -> None:
        if not self._recording:
            return
        at = self.at
        Record(
            github={"url": at.pages, "api": at.api, "repo": at.repo, "tokens": at.tokens},
            kafka=at.kafka,
            traces={"otlp": at.otlp, "query": at.query},
            docker=at.docker,
            docker_readonly=at.docker_readonly,
            marketplace=self.marketplace,
            faults=str(self.state / "faults.json") if self.site else None,
            processes=self.supervisor.pids(),
            containers=self._containers(),
            supervisor=os.getpid(),
            state=str(self.state),
            workers=self._worker_urls(),
            knowledge=at.chroma,
            dashboard=self.dashboard,
        ).write()
