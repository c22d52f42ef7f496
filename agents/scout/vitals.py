"""How long each service has been well, on positive evidence only: what was not seen does not count as good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agents.scout.observations import Finding, Observations, Tally


@dataclass(slots=True)
class _Pulse:
    """One service. `well_since`: the first good sign after the last bad one."""

    well_since: datetime | None = None
    answers: int = 0
    probed: bool = False
    last_ok: bool | None = None
    at_rest: dict[str, Tally] = field(default_factory=dict)
    """The tallies as they were at `well_since`."""


@dataclass(frozen=True, slots=True)
class Wellbeing:
    """A service since its last bad sign. `well_since` None: no good sign since. `counted`: detector to (count, bad)."""

    well_since: datetime | None
    answers: int
    probed: bool
    last_ok: bool | None
    counted: Mapping[str, tuple[int, int]]


class Vitals:
    """Follows all services step by step."""

    def __init__(self) -> None:
        self._pulses: dict[str, _Pulse] = {}

    def update(
        self, seen: Observations, findings: Iterable[Finding], tallies: Mapping[str, Mapping[str, Tally]]
    ) -> None:
        """`tallies`: service to detector name to tally."""
        ill = {f.service for f in findings}
        for service in sorted({*seen.containers, *seen.probes, *tallies, *self._pulses}):
            pulse = self._pulses.setdefault(service, _Pulse())
            probe, container = seen.probes.get(service), seen.containers.get(service)
            if probe is not None:
                pulse.probed, pulse.last_ok = True, probe.ok
            down = container is not None and (
                not container.running or container.status == "restarting" or container.health == "unhealthy"
            )
            if service in ill or down or (probe is not None and not probe.ok):
                self._fell_ill(pulse)
            elif not {"probes", "containers"} & set(seen.blind):
                self._went_well(pulse, seen.at, probe is not None and probe.ok, tallies.get(service, {}))

    def begin_afresh(self, service: str) -> None:
        """Nothing good has been seen of it yet."""
        pulse = self._pulses.get(service)
        if pulse is not None:
            self._fell_ill(pulse)

    def of(self, service: str, tallies: Mapping[str, Tally]) -> Wellbeing:
        pulse = self._pulses.get(service, _Pulse())
        counted = {}
        if pulse.well_since is not None:
            for name, tally in tallies.items():
                base = pulse.at_rest.get(name)
                fresh = base is None or base.count > tally.count
                counted[name] = (tally.count, tally.bad) if fresh or base is None else (
                    tally.count - base.count, tally.bad - base.bad
                )  # fmt: skip
        return Wellbeing(pulse.well_since, pulse.answers, pulse.probed, pulse.last_ok, counted)

    @property
    def probed(self) -> frozenset[str]:
        """Services that were asked for their health at least once."""
        return frozenset(name for name, pulse in self._pulses.items() if pulse.probed)

    @property
    def suspects(self) -> frozenset[str]:
        """Services whose last probe failed."""
        return frozenset(name for name, pulse in self._pulses.items() if pulse.last_ok is False)

    @staticmethod
    def _fell_ill(pulse: _Pulse) -> None:
        pulse.well_since, pulse.answers, pulse.at_rest = None, 0, {}

    @staticmethod
    def _went_well(pulse: _Pulse, at: datetime, answered: bool, tallies: Mapping[str, Tally]) -> None:
        if pulse.well_since is None and (answered or not pulse.probed):
            pulse.well_since, pulse.at_rest = at, dict(tallies)
        pulse.answers += answered
