"""When a container that ended is started again, and after how long: dockerd's restart manager as arithmetic."""

from __future__ import annotations

from embedded.engine.spec import RestartPolicy

FIRST_DELAY = 0.1
LONGEST_DELAY = 60.0
SETTLED_AFTER = 10.0
"""Seconds a run must last for the back-off to begin anew (moby restartmanager)."""


def should_restart(policy: RestartPolicy, *, exit_code: int, restarts: int, manually_stopped: bool) -> bool:
    """Whether dockerd would start it again after this exit; `restarts` counts those since the last manual start."""
    if manually_stopped:
        return False
    if policy.name == "on-failure":
        return exit_code != 0 and (policy.max_retries == 0 or restarts < policy.max_retries)
    return policy.name in ("always", "unless-stopped")


def next_delay(previous: float, ran_for: float) -> float:
    """Seconds to wait before the next start: 100 ms, doubling to a minute; `previous` 0 means no wait before."""
    if previous == 0 or ran_for >= SETTLED_AFTER:
        return FIRST_DELAY
    return min(previous * 2, LONGEST_DELAY)


def starts_with_the_engine(policy: RestartPolicy, *, was_running: bool, manually_stopped: bool) -> bool:
    """Whether a container known from before is started when the engine starts.

    `was_running`: the engine died without stopping it. dockerd leaves `no` containers stopped after such a crash;
    this engine resumes them, because its containers cannot outlive it the way dockerd's can with live-restore.
    """
    return was_running or policy.name == "always" or (policy.name == "unless-stopped" and not manually_stopped)
