"""A compose that complains as it is told to: the twin of `shared.proof.Compose`."""

from __future__ import annotations

from shared.incident.parts import Predicate


class ScriptedCompose:
    """`complaint`: what it has against every file; "" nothing, None there is no compose to ask. `asked`: the files."""

    def __init__(self, complaint: str | None = "") -> None:
        self.complaint = complaint
        self.asked: list[bytes] = []

    def says(self, stack: bytes) -> Predicate:
        self.asked.append(stack)
        if self.complaint is None:
            return Predicate(name="compose", ok=None, detail="not asked: no docker compose here")
        return Predicate(name="compose", ok=not self.complaint, detail=self.complaint or "it reads deploy/stack.yaml")
