"""Other methods, written anew from their papers and run beside ours: each ranks the services of a case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from bench.rca_cases import Case
from bench.rca_peers.microrank import microrank
from bench.rca_peers.naive import chance, most_errors, self_time_ratio
from bench.rca_peers.tracerca import tracerca

PEERS: Final[Mapping[str, Callable[[Case], list[str]]]] = {
    "random": chance,
    "most errors": most_errors,
    "median self-time ratio": self_time_ratio,
    "like MicroRank": microrank,
    "like TraceRCA": tracerca,
}
