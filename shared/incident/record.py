"""What every signed record is made of: the frozen base, its one canonical text, and the bounded words it may hold."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, StringConstraints, model_serializer

Role = Literal["scout", "brain", "guardrail", "fixer", "memory", "escalation", "operator"]
Tier3 = Literal["jules", "copilot", "claude", "command", "human"]
"""Who can be handed what is architectural; `human` is nobody but the people of the repository."""
Line = Annotated[str, StringConstraints(max_length=300)]
"""One line of evidence or explanation."""
Text = Annotated[str, StringConstraints(max_length=4_000)]
"""A paragraph."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$")]
"""A service, container or predicate name: ASCII only, so look-alikes cannot pass."""
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 in lower-case hex."""
TraceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Record(BaseModel):
    """A frozen value that crosses a process."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings", allow_inf_nan=False)
    LATER: ClassVar[frozenset[str]] = frozenset()
    """Fields that came after the first logs were signed. At their default they are not written, so that a block from
    before them still reads as it was written."""

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        value: dict[str, Any] = write(self)
        for name in self.LATER:
            if getattr(self, name) == type(self).model_fields[name].default:
                value.pop(name, None)
        return value

    def canonical(self) -> str:
        """The one JSON text of this record: keys sorted, no spaces, ASCII."""
        return canonical_json(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """The SHA-256 of `canonical()`, in hex."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def canonical_json(value: object) -> str:
    """`value` (JSON types only) as the one text that is hashed and signed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
