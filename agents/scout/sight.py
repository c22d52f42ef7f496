"""Blind is neither healthy nor dead: when Scout cannot see, its failed probes say nothing about the patients. Pure."""

from __future__ import annotations

from dataclasses import replace

from agents.scout.observations import HEALTH_URL, Observations, ProbeResult

_NO_CONNECTION = ("connect", "refused", "unreachable", "no route", "resolve", "reset", "network")


def with_blindness(seen: Observations) -> Observations:
    """`seen` without its probes, and blind for them, when they fail for Scout's own reasons.

    That is when the probe of something of our own failed too, or when every patient refuses connections at once
    (at least two) although the engine says that all of them run.
    """
    if not seen.probe_control_ok:
        reason = "the probe of Scout's own address fails too"
    elif _all_unreachable(seen):
        reason = f"all {len(seen.probes)} services unreachable at once, and the engine says they run"
    else:
        return seen
    return replace(seen, probes={}, blind={**seen.blind, "probes": reason})


def _all_unreachable(seen: Observations) -> bool:
    asked = {name for name, c in seen.containers.items() if HEALTH_URL in c.labels and c.running}
    if len(seen.probes) < 2 or not asked <= set(seen.probes) or "containers" in seen.blind:
        return False
    running = all(
        (c := seen.containers.get(name)) is not None and c.running and c.status != "restarting" for name in seen.probes
    )
    return running and all(_unreachable(probe) for probe in seen.probes.values())


def _unreachable(probe: ProbeResult) -> bool:
    detail = probe.detail.lower()
    return not probe.ok and any(word in detail for word in _NO_CONNECTION)
