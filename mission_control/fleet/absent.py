"""What stands in for an outside system that the settings do not name: honest about not being there."""

from __future__ import annotations

from datetime import datetime

from shared.analysis.trace import Trace
from shared.ports import Permanent
from shared.stream import Event


class NoTraces:
    """The traces where there is no Jaeger: every question fails, so nobody mistakes silence for health."""

    # ruff: noqa: ARG002 - the shape of the port

    def services(self) -> tuple[str, ...]:
        raise Permanent("JAEGER_URL is not set")

    def traces(
        self, service: str, start: datetime, end: datetime, *, limit: int = 200, errors_only: bool = False
    ) -> tuple[Trace, ...]:
        raise Permanent("JAEGER_URL is not set")

    def trace(self, trace_id: str) -> Trace | None:
        raise Permanent("JAEGER_URL is not set")


class NoStream:
    """The stream where there is no Kafka: nobody is woken, everybody polls."""

    def publish(self, topic: str, key: str, event: Event) -> None:
        """Nothing: wake-ups, thoughts and heartbeats only make things faster or visible."""
