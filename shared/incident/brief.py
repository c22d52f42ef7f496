"""The brief that an escalation hands on: what happened and what was tried, from facts."""

from __future__ import annotations

from shared.incident.replay import Incident


def brief(incident: Incident, *findings: str) -> str:
    """At most 4,000 characters, one statement a line; `findings` are the writer's own."""
    detected = incident.detected
    so_far = ", ".join(f"{e.fact.move} at {e.posted_at:%H:%M:%S}" for e in incident.entries[-20:])
    lines = (
        f"What happened: {detected.summary} ({detected.service}, since {detected.since:%Y-%m-%d %H:%M:%S} UTC).",
        *findings,
        f"So far: {so_far}.",
        "Done means: the cause is changed in code or configuration, and the symptom's test stays quiet.",
    )
    return "\n".join(lines)[:4000]
