"""What a worker measures of the parts it was handed; what it measures of itself stands in shared/runtime."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from shared.ports import Permanent, Transient
from shared.runtime.meter import Meter

if TYPE_CHECKING:
    from agents.memory.librarian import Librarian
    from agents.scout.inbox import Inbox
    from agents.scout.look import Patrol
    from shared.adapters.chroma import ChromaLibrary
    from shared.adapters.github import GitHub
    from shared.adapters.kafka import Stream


def measure_parts(meter: Meter, github: GitHub, kafka: Stream | None) -> None:
    """GitHub's write budget and Kafka, of every worker."""

    def left() -> float:
        try:
            return float(github.budget.left())
        except (Transient, Permanent):  # whose budget it is cannot be asked just now
            return math.nan

    meter.gauge("sre_write_budget_left", "Comments and issues that may be written just now.", left)
    measure_stream(meter, kafka)


def measure_stream(meter: Meter, kafka: Stream | None) -> None:
    meter.gauge("sre_kafka_up", "Whether Kafka answers.", lambda: float(kafka is not None and kafka.up))
    meter.counted("sre_events_sent_total", "Events Kafka has taken.", lambda: kafka.sent if kafka else 0)
    meter.counted("sre_events_lost_total", "Events that were given up.", lambda: kafka.undelivered if kafka else 0)


def measure_index(meter: Meter, librarian: Librarian, library: ChromaLibrary) -> None:
    """Memory's own: how complete the knowledge base is."""

    def counts() -> dict[str, float]:
        return {kind: float(count) for kind, count in librarian.counts.items()}

    meter.gauges("sre_knowledge_documents", "kind", "Documents in the index that ought to be there.", counts)
    meter.gauge("sre_knowledge_missing", "Documents that ought to be in the index.", lambda: float(librarian.missing))
    meter.counted("sre_knowledge_unsound_total", "Documents that were not what they say.", lambda: library.unsound)


def measure_watched(meter: Meter, inbox: Inbox, patrol: Patrol) -> None:
    """Scout's own: the alerts it was sent, and what it watches."""

    def limits() -> dict[str, float]:
        return {c.name: float(c.memory_limit) for c in (patrol.containers or {}).values() if c.memory_limit}

    def watched() -> dict[str, float]:
        return dict.fromkeys(patrol.containers or {}, 1.0)

    meter.tallies("sre_alerts_total", "result", "Alerts by what became of them.", lambda: dict(inbox.counts))
    meter.gauges("sre_service_memory_limit_bytes", "service", "Memory limit of each container that has one.", limits)
    meter.gauges("sre_service_watched", "service", "1 for each container that Scout watches.", watched)
