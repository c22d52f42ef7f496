"""The texts of `bench.memory`: records, queries and their halves, and as many more records as a size needs."""

from __future__ import annotations

import hashlib
import random
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from shared.recall.document import Document

CORPUS: Final = Path(__file__).parent / "memory_corpus"
NOW: Final = datetime(2026, 11, 21, tzinfo=UTC)
Half = Literal["dev", "test", "field"]
"""The two halves of queries.toml, and queries_field.toml."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked. `answer` and `lure` are ids of records: what must come first, and what must not."""

    id: str
    text: str
    service: str
    symptom: str
    answer: str
    lure: str = ""
    seen: str = ""
    """The public issue it was told after."""

    @property
    def half(self) -> Half:
        """The rule that stands in queries.toml."""
        if self.seen:
            return "field"
        return "test" if hashlib.sha256(f"sre-space {self.id}".encode()).digest()[0] % 2 else "dev"


def records() -> tuple[Document, ...]:
    rows = tomllib.loads((CORPUS / "records.toml").read_text(encoding="utf-8"))["record"]
    return tuple(
        Document(
            id=row["id"],
            kind="incident",
            title=row["title"],
            text=row["text"],
            source="",
            proof="",
            at=NOW - timedelta(days=row["days"]),
            service=row["service"],
            symptom=row["symptom"],
            cause=row["cause"],
            ending=row["ending"],
            issue=n,
        )
        for n, row in enumerate(rows, 1)
    )


def queries(half: Half) -> tuple[Query, ...]:
    found: list[Query] = []
    for file in ("queries.toml", "queries_field.toml"):
        rows = tomllib.loads((CORPUS / file).read_text(encoding="utf-8"))["query"]
        found += [query for query in (Query(**row) for row in rows) if query.half == half]
    return tuple(found)


def enlarged(known: Sequence[Document], size: int) -> tuple[Document, ...]:
    """`known`, and made incidents of their sentences, `size` in all; the same every time.

    Half of them are of 300 other services, of any fault; half of the known services, of faults that the service has no
    record of: what is asked has one right answer still.
    """
    return (*known, *(made for made, _ in zip(_others(known), range(size - len(known)), strict=False)))


def _others(known: Sequence[Document]) -> Iterator[Document]:
    chance = random.Random(6)
    services = sorted({d.service for d in known})
    other = {s: [d for d in known if d.cause not in {own.cause for own in known if own.service == s}] for s in services}
    issue = len(known)
    while True:
        issue += 1
        if issue % 2:
            service = chance.choice(services)
            sources: Sequence[Document] = other[service]
        else:
            service = f"{chance.choice(_FIRST)}-{chance.choice(_SECOND)}"
            sources = known
        like = chance.choice(sources)
        said = like.text.split(". ")
        said[chance.randrange(len(said))] = chance.choice(chance.choice(sources).text.split(". "))
        yield replace(
            like,
            id=f"made-{issue}",
            issue=issue,
            service=service,
            title=like.title.replace(like.service, service),
            text=". ".join(said).replace(like.service, service),
            at=NOW - timedelta(days=chance.uniform(0, 400)),
        )


_FIRST: Final = (
    "ledger", "claims", "voucher", "loyalty", "tax", "currency", "address", "review", "wishlist", "fraud", "pricing",
    "catalog", "media", "audit", "consent", "survey", "coupon", "refund", "returns", "supplier", "partner", "report",
    "metrics", "export", "import", "sync", "proxy", "router", "scheduler", "mailer",
)  # fmt: skip
_SECOND: Final = ("api", "worker", "store", "backend", "cache", "db", "ingest", "edge", "batch", "core")
