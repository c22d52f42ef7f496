"""The process and its container: killed for memory, exited, silent, or slower in its own work than before.

The weights of states are log-likelihood ratios set from what the engine's word is worth, not measured: an OOM flag on
a container that is down is near proof (e⁶ ≈ 400 : 1), an exit code likewise; a hang is only inferred from silence
(e⁴ ≈ 55 : 1). Times are counted (ratio.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agents.brain.case import Case, Cited, Clue, evidence
from agents.brain.ratio import Slower, slower, weight
from agents.brain.reading import Reading
from shared.incident.evidence import SERVICE_NAME
from shared.incident.parts import UNAVAILABLE, Cause
from shared.incident.replay import Incident
from shared.ports import Container

NAME: Final = "compute"
LEAST_US: Final = 50_000
"""An own time must have grown by this much."""
SILENT: Final = 2.0
"""Nats that unanswered calls speak for a hang at most: a cut way loses them too."""
ALIVE: Final = -3.0
"""What a running and healthy container speaks against its own end."""
NOTHING_RUNS: Final = -3.0
"""What a container that is down speaks against faults of running code."""
FASTER: Final = 2.0
"""Calls arrive this many times as often as before: then slowness is overload."""


def analyse(incident: Incident, case: Case, reading: Reading) -> tuple[Clue, ...]:
    """Clues from every managed container's state, and from the own times of every service."""
    clues = [c for name in sorted(case.containers) for c in _state(incident, case, case.containers[name], reading)]
    return (*clues, *_times(incident, reading))


def _state(incident: Incident, case: Case, container: Container, reading: Reading) -> Iterator[Clue]:
    name, detected = container.name, incident.detected
    proof = _proof(case, container, own=name == detected.service)

    def clue(cause: Cause, nats: float, why: str) -> Clue:
        return Clue(NAME, "engine", name, cause, nats, why, proof, raises=nats > 0)

    if not container.running:
        if container.oom_killed or (detected.symptom == "oom" and name == detected.service):
            yield clue("oom", 6.0, "the kernel killed it at its memory limit")
            yield clue("crash", -1.0, "it did not end by itself")
        else:
            yield clue("crash", 5.0, f"it exited with code {container.exit_code}")
            yield clue("oom", -1.0, "no OOM flag")
        running: tuple[Cause, ...] = ("errors", "slow", "hang", "early-return", "saturation", "cpu")
        for cause in running:
            yield clue(cause, NOTHING_RUNS, "it does not run")
        return
    suspected = detected.symptom in UNAVAILABLE and name == detected.service
    if container.health == "unhealthy" or (suspected and detected.symptom == "unresponsive"):
        yield clue("hang", 4.0, "it runs and does not answer")
    elif container.health == "healthy":
        yield clue("hang", ALIVE, "its health check answers")
    elif lost := reading.measured.during.unanswered.get(name):
        usually = len(reading.measured.before.unanswered.get(name, ()))
        before, calls = reading.measured.before.calls.get(name, 0), reading.measured.during.calls[name]
        if (ratio := weight(len(lost), calls, usually / max(before, 1), 0.2)) > 0:
            yield clue("hang", min(ratio, SILENT), "it runs, and calls to it come back without an answer")
    yield clue("crash", ALIVE, "its container runs")
    yield clue("oom", ALIVE, "its container runs")


def _proof(case: Case, container: Container, *, own: bool) -> tuple[Cited, ...]:
    state = {
        "name": container.name,
        "id": container.id,
        "status": container.status,
        "exit_code": container.exit_code,
        "oom_killed": container.oom_killed,
        "health": container.health,
        "started_at": container.started_at,
        "finished_at": container.finished_at,
    }
    killed = ", OOMKilled" if container.oom_killed else ""
    health = container.health or "none"
    seen = f"{container.name} is {container.status}, exit code {container.exit_code}, health {health}"
    proof: tuple[Cited, ...] = (evidence("container", container.name, seen + killed, state),)
    words = [line for line in case.last_words.splitlines() if line.strip()] if own else []
    if not container.running and words:
        proof += (evidence("log", container.name, f"its last line: {words[-1]}", words),)
    return proof


def _times(incident: Incident, reading: Reading) -> Iterator[Clue]:
    """The weightiest growth of own time of each service."""
    del incident
    before, during = reading.measured.before, reading.measured.during
    best: dict[str, tuple[str, Slower]] = {}
    for (service, operation), spans in during.own.items():
        found = slower(before.own.get((service, operation), ()), spans, LEAST_US)
        if found is not None and (service not in best or found.weight > best[service][1].weight):
            best[service] = operation, found
    for service, (operation, found) in sorted(best.items()):
        if not SERVICE_NAME.fullmatch(service):
            continue
        now, usual = found.median / 1000, found.median_before / 1000
        seen = f"own time of {operation[:100]}: median {now:.0f} ms, was {usual:.0f} ms ({found.spans} spans)"
        verbatim = {
            "service": service,
            "operation": operation,
            "median_us": found.median,
            "median_us_before": found.median_before,
            "spans": found.spans,
            "slow": found.slowest,
        }
        proof = (evidence("trace", service, seen, verbatim, trace_id=found.trace_id),)
        if found.weight <= 0 or not found.slow:
            yield Clue(NAME, "traces", service, "slow", -1.0, "its own time is as before", proof, raises=False)
            continue
        why = "its own time has grown, not its callees'"
        if (rise := _busier(service, reading)) < FASTER:
            yield Clue(NAME, "traces", service, "slow", found.weight, why, proof)
            continue
        busy = {"service": service, "calls_rate_to_before": round(rise, 2)}
        more = evidence("trace", f"rate-{service}", f"{rise:.1f} times as many calls a second as before", busy)
        yield Clue(NAME, "traces", service, "saturation", found.weight, "slower, and called more often", (*proof, more))
        yield Clue(NAME, "traces", service, "slow", found.weight - 1.0, f"{why}, but its load too", (*proof, more))


def _busier(service: str, reading: Reading) -> float:
    """Calls a second to calls a second before; 1 where either cannot be said."""
    rates = []
    for window in (reading.measured.before, reading.measured.during):
        starts = [s.start_us for (owner, _), spans in window.own.items() if owner == service for _, s in spans]
        if len(starts) < 20:
            return 1.0
        rates.append(len(starts) / max((max(starts) - min(starts)) / 1e6, 1.0))
    return rates[1] / rates[0]
