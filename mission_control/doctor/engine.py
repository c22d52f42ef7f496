"""The container engine: is it there, does it hold anything of ours, and can only the Fixer's socket write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mission_control.doctor.finding import Finding, well, wrong
from mission_control.settings import Settings
from mission_control.world import record
from mission_control.world.engine_view import EngineSilent, EngineView

NOBODY: Final = "sre-space-doctor-asks-for-nobody"
"""A name that no container has: restarting it changes nothing, and shows who may."""
LABEL: Final = ("sre-space.managed", "true")


@dataclass(frozen=True, slots=True)
class EngineSeen:
    """What was read through the socket that those who only look are given."""

    where: str
    trouble: str | None = None
    writes: bool | None = None
    """Whether that socket would restart a container; None: not found out."""
    managed: tuple[str, ...] = ()
    """Names of the containers that carry the label."""


def read(settings: Settings, running: record.Record | None) -> EngineSeen | None:
    """None where no engine is set."""
    where = settings.engine_to_look_at or (running.docker_readonly or running.docker if running else None)
    if where is None:
        return None
    view = EngineView(where)
    try:
        containers = view.containers()
        status, _ = view.ask("POST", f"/containers/{NOBODY}/restart")
    except EngineSilent as silent:
        return EngineSeen(where, str(silent))
    managed = tuple(row.name for row in containers if LABEL in row.labels)
    return EngineSeen(where, writes=status == 404, managed=managed)


def judge(seen: EngineSeen | None, fixers_own: bool = False) -> Iterator[Finding]:
    """The findings. `fixers_own`: this is the Fixer's place, where nobody else looks."""
    if seen is None:
        return
    if seen.trouble is not None:
        yield wrong("engine", seen.trouble)
        return
    yield well("engine", seen.where)
    if seen.writes and fixers_own:
        yield well("engine-hands", f"{seen.where} is the Fixer's alone")
    elif seen.writes:
        yield wrong("engine-hands", f"{seen.where} would restart containers for everyone who looks")
    else:
        yield well("engine-hands", f"{seen.where} only looks")
    if seen.managed:
        yield well("managed", f"{len(seen.managed)} managed: {', '.join(seen.managed)}")
    else:
        yield wrong("managed", "no container carries sre-space.managed=true")
