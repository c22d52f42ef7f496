"""What every span parser has in common: ids, texts, instances, and spans gathered into traces."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.analysis.trace import Scalar, Span, Trace

HEX: Final = re.compile(r"[0-9a-f]+")

INSTANCE_KEYS: Final = (
    "k8s.pod.name",
    "container.name",
    "container.id",
    "service.instance.id",
    "host.name",
)
"""Resource attributes that tell which copy of a service a span is from, the most telling first (OTel conventions)."""

MAX_US: Final = 253_402_300_800_000_000
"""The year 10000 in µs: a later start is nonsense."""


class Corrupt(ValueError):
    """This span cannot be used."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The spans of a document, and how many could not be used."""

    spans: tuple[Span, ...]
    set_aside: int = 0


def into_traces(spans: Iterable[Span]) -> tuple[Trace, ...]:
    """Spans gathered by trace, in order of first appearance; a span that came twice is kept once."""
    traces: dict[str, dict[str, Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, {}).setdefault(span.span_id, span)
    return tuple(Trace(trace_id, tuple(found.values())) for trace_id, found in traces.items())


def identifier(text: Any, digits: int) -> str:
    """A trace id (32 digits) or span id (16), lower case, zeros restored on the left. Raises Corrupt."""
    if not isinstance(text, str) or not 0 < len(text) <= digits:
        raise Corrupt(f"not an id of {digits} hex digits: {text!r:.80}")
    lower = text.lower()
    if not HEX.fullmatch(lower) or not lower.strip("0"):
        raise Corrupt(f"not an id of {digits} hex digits: {text!r:.80}")
    return lower.rjust(digits, "0")


def parent(text: Any) -> str | None:
    """A parent's span id; None for a root, which is written as nothing or as zeros. Raises Corrupt."""
    return None if text is None or (isinstance(text, str) and not text.strip("0")) else identifier(text, 16)


def integer(value: Any) -> int:
    """A number that may be written as text, as 64-bit integers are in JSON. Raises Corrupt."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= 20:
        try:
            return int(value)
        except ValueError:
            pass  # falls through to the one complaint below
    raise Corrupt(f"not an integer: {value!r:.80}")


def moment(start_us: int, duration_us: int) -> tuple[int, int]:
    """The two, if they can be true. Raises Corrupt."""
    if not 0 < start_us < MAX_US or not 0 <= duration_us < MAX_US:
        raise Corrupt(f"impossible time: start {start_us} µs, duration {duration_us} µs")
    return start_us, duration_us


def text(value: Any) -> str:
    """Text that can be written as UTF-8: halves of surrogate pairs become question marks. Raises Corrupt."""
    if not isinstance(value, str):
        raise Corrupt(f"not text: {value!r:.80}")
    return value if value.isascii() else value.encode(errors="replace").decode()


def scalar(value: Any) -> Scalar:
    """An attribute's value: a scalar as it is, anything else as its JSON."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool | int | float):
        return value
    return text(json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=repr))


def instance(resource: Mapping[str, Scalar]) -> str:
    """Which copy of the service it was; empty when the resource does not say."""
    return next((str(resource[key]) for key in INSTANCE_KEYS if resource.get(key)), "")
