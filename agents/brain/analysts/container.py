"""What the container engine says: killed for memory, exited, or running and not answering.

The weights are log-likelihood ratios set from what the engine's word is worth, not measured yet: an OOM flag on a
container that is down is near proof (e⁶ ≈ 400 : 1), an exit code likewise; a hang is only inferred from silence
(e⁴ ≈ 55 : 1).
"""

from __future__ import annotations

from agents.brain.case import Case, Clue, evidence
from shared.incident.facts import UNAVAILABLE, Evidence
from shared.incident.replay import Incident

NAME = "container"


def analyse(incident: Incident, case: Case) -> tuple[Clue, ...]:
    """Clues about the detected service from its container's state."""
    detected = incident.detected
    container = case.containers.get(detected.service)
    if container is None:
        return ()
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
    proof: tuple[Evidence, ...] = (evidence("container", container.name, seen + killed, state),)
    words = [line for line in case.last_words.splitlines() if line.strip()]
    if not container.running and words:
        proof += (evidence("log", container.name, f"its last line: {words[-1]}", words),)
    if not container.running and (container.oom_killed or detected.symptom == "oom"):
        why = "the kernel killed it at its memory limit"
        return (Clue(NAME, container.name, "oom", 6.0, why, proof),)
    if not container.running:
        why = f"it exited with code {container.exit_code}"
        return (Clue(NAME, container.name, "crash", 5.0, why, proof),)
    if detected.symptom in UNAVAILABLE and (container.health == "unhealthy" or detected.symptom == "unresponsive"):
        return (Clue(NAME, container.name, "hang", 4.0, "it runs and does not answer", proof),)
    return ()
