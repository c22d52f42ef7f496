"""What must be made anew, and what is left alone: a pure comparison of what is there with what shall be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seen:
    """A container that is there. `spec` says what it was made from; `status` is the engine's word."""

    spec: str
    status: str
    release: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Names, in the order of what was wanted. `begin`: made by us once and never started, or to be woken."""

    recreate: tuple[str, ...]
    begin: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.recreate or self.begin)


def plan(wanted: Mapping[str, str], there: Mapping[str, Seen], *, waking: bool = False) -> Plan:
    """`wanted`: name to spec. A container that is what it shall be is not touched, be it dead, killed or restarted:

    its fate is the fleet's. Only one that never ran is started, and, when the whole world is `waking` up, every one.
    """
    recreate = tuple(name for name, spec in wanted.items() if name not in there or there[name].spec != spec)
    idle = ("created", "exited", "dead") if waking else ("created",)
    begin = tuple(name for name in _kept(wanted, recreate) if there[name].status in idle)
    return Plan(recreate, begin)


def _kept(wanted: Iterable[str], recreate: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in wanted if name not in recreate)
