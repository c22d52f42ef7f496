"""The embedded world's host: containers are local processes that run a release's files where they lie."""

from __future__ import annotations

from docker.errors import APIError

from mission_control.deployer.deploy import NotMade
from mission_control.deployer.engine import Engine
from mission_control.deployer.plan import Plan, plan
from mission_control.deployer.release import Release
from mission_control.world.patients import LOAD, SERVICES, Patient, Site, marketplace

ALL = (*SERVICES, LOAD)


class ProcessHost:
    """The containers of one Site on one engine."""

    def __init__(self, engine: Engine, site: Site, address: str) -> None:
        self.address = address
        self._engine, self._site = engine, site

    def plan(self, release: Release, *, waking: bool) -> Plan:
        """Compares what each container was made from with what it is to be made from. Raises BadRelease."""
        wanted = {name: patient.digest for name, patient in self._patients(release).items()}
        return plan(wanted, self._engine.there(wanted), waking=waking)

    def make(self, release: Release, name: str) -> None:
        """Raises NotMade for what the engine refuses."""
        patient = self._patients(release)[name]
        try:
            self._engine.make(patient.options(release, self._site.health_url(name)))
        except APIError as error:
            if not error.is_client_error():
                raise
            raise NotMade(f"{name}: {error.explanation}") from error

    def begin(self, name: str) -> None:
        self._engine.begin(name)

    def health(self, name: str) -> str:
        return self._engine.health(name)

    def last_line(self, name: str) -> str:
        return self._engine.last_line(name)

    def in_use(self) -> frozenset[str]:
        """The releases that some container was made from, running or not: the Fixer may start it again."""
        return frozenset(seen.release for seen in self._engine.there(ALL).values())

    def _patients(self, release: Release) -> dict[str, Patient]:
        return {patient.name: patient for patient in marketplace(self._site, release)}
