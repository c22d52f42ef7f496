"""What passes between Brain's process and the model's: one line of JSON each way, bounded, closed records."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

MAX_LINE: Final = 256 * 1024
"""Bytes of one line in either direction."""
MAX_BODY: Final = 512 * 1024
"""Bytes of one HTTP answer; what is longer is refused unread."""
MAX_TEXT: Final = 16 * 1024
"""Characters of the model's own text."""
Tokens = Annotated[int, Field(ge=0, le=10_000_000)]
Why = Literal[
    "late",
    "unreachable",
    "too long",
    "not JSON",
    "not a completion",
    "refused",
    "tools",
    "cut short",
    "status",
    "ended",
]


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Endpoint(_Line):
    """The first line: where the model is. It comes over the pipe, so that no environment ever holds the key."""

    base_url: str
    api_key: SecretStr
    model: str

    def line(self) -> bytes:
        """This record with its key in clear: for the pipe and nothing else."""
        return _line(self.model_dump(mode="json") | {"api_key": self.api_key.get_secret_value()})


class Ask(_Line):
    """One question. `timeout_s` is all the time there is, retries in another form included."""

    id: int
    system: str
    data: str
    form: dict[str, Any]
    """The JSON schema that the answer must have."""
    max_tokens: Annotated[int, Field(ge=1)]
    timeout_s: Annotated[float, Field(gt=0)]

    def line(self) -> bytes:
        return _line(self.model_dump(mode="json"))


class Told(_Line):
    """What came of it: `text` is the model's, untrusted; or `why` there is none, in our own words."""

    id: int
    text: Annotated[str, Field(max_length=MAX_TEXT)] | None = None
    why: Why | None = None
    status: Annotated[int, Field(ge=100, le=999)] | None = None
    """The HTTP status where it says something."""
    retry_after_s: Annotated[float, Field(ge=0, le=86_400)] | None = None
    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None
    requests: Annotated[int, Field(ge=0, le=10)] = 0
    """HTTP requests that were made for it."""
    structured: bool = False
    """Whether the server was asked for the schema and did not object."""

    def line(self) -> bytes:
        return _line(self.model_dump(mode="json"))


Record = TypeVar("Record", bound=_Line)


class BadLine(Exception):
    """A line that is not of this protocol."""


def read_told(line: bytes) -> Told:
    """Raises BadLine."""
    return _read(Told, line)


def read_ask(line: bytes) -> Ask:
    """Raises BadLine."""
    return _read(Ask, line)


def read_endpoint(line: bytes) -> Endpoint:
    """Raises BadLine, which never holds the key."""
    return _read(Endpoint, line)


def _read(kind: type[Record], line: bytes) -> Record:
    if len(line) > MAX_LINE:
        raise BadLine("the line is too long")
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        raise BadLine(f"not a line of kind {kind.__name__}: {error.error_count()} faults") from None


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"
