"""Windows of synthetic traces as Jaeger's JSON: what recorded incidents lack, with a known root cause or none."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Call = tuple[str, str]
Document = dict[str, Any]

SHOP: Final[Mapping[Call, tuple[int, tuple[Call, ...]]]] = {
    ("gateway", "GET /"): (900, (("catalog", "list"), ("ads", "pick"))),
    ("gateway", "GET /item"): (700, (("catalog", "get"), ("reviews", "of"), ("ads", "pick"))),
    ("gateway", "POST /order"): (1_200, (("orders", "place"),)),
    ("catalog", "list"): (2_500, (("catalog", "SELECT items"),)),
    ("catalog", "get"): (900, (("catalog", "SELECT items"),)),
    ("catalog", "SELECT items"): (1_500, ()),
    ("ads", "pick"): (1_100, ()),
    ("reviews", "of"): (1_300, (("users", "name"), ("reviews", "SELECT reviews"))),
    ("reviews", "SELECT reviews"): (1_700, ()),
    ("users", "name"): (600, ()),
    ("orders", "place"): (2_200, (("stock", "reserve"), ("payment", "charge"), ("users", "name"), ("mail", "send"))),
    ("stock", "reserve"): (1_800, (("stock", "UPDATE stock"),)),
    ("stock", "UPDATE stock"): (2_000, ()),
    ("payment", "charge"): (2_600, (("bank", "debit"),)),
    ("bank", "debit"): (4_000, ()),
    ("mail", "send"): (800, ()),
}
"""(service, operation) -> its own time in µs and what it calls, in this order. A call within a service is a child span
without a way to it."""
ENTRIES: Final = (("gateway", "GET /"), ("gateway", "GET /item"), ("gateway", "POST /order"))
WAY_US: Final = 350


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a service. `share` of its spans are hit."""

    kind: str
    """cpu, network, exception, early, database, crash, saturation or refusal."""
    service: str
    strength: float = 5.0
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class World:
    """How the traces are made and seen. `seed` decides everything else."""

    seed: int
    traces: int = 120
    noise: float = 0.35
    """Standard deviation of the logarithm of every time."""
    instances: int = 1
    shop: Mapping[Call, tuple[int, tuple[Call, ...]]] = field(default_factory=lambda: SHOP)
    entries: tuple[Call, ...] = ENTRIES
    statuses: bool = True
    """Spans say that they failed."""
    parallel: bool = False
    """Callees are called all at once."""
    retries: int = 0
    asynchronous: frozenset[str] = frozenset()
    """Services called by message: they follow, nobody waits."""
    lost: float = 0.0
    """Share of spans that never arrived."""
    skew_us: Mapping[str, int] = field(default_factory=dict)
    sampled: float = 1.0
    logs: bool = False
    give_up_us: int = 0
    """Callers wait this long at most, fail, and say so loudly; 0 for ever."""
    drift: Mapping[str, float] = field(default_factory=dict)
    """Services slower by a factor for no fault of anybody's, a red herring."""
    mix: tuple[float, ...] = (5.0, 4.0, 2.0)


def window(world: World, *, incident: bool, fault: Fault | None = None) -> Document:
    """One window as `{"data": [trace, …]}`. Without `fault` it is quiet."""
    made = _Maker(world, incident, fault)
    return {"data": [t for t in (made.trace(n) for n in range(world.traces)) if t["spans"]]}


def gauges(world: World, document: Document, fault: Fault | None) -> Document:
    """Metric rows per pod, one a minute: ten minutes before the window's first span, and two from there on."""
    rng = random.Random(f"{world.seed}-gauges")
    since = min((s["startTime"] for t in document["data"] for s in t["spans"]), default=0) // 1_000_000
    services = sorted({service for service, _ in world.shop})
    usual = {s: (rng.uniform(2, 30), rng.uniform(50, 400)) for s in services}
    rows = []
    for minute in range(-10, 3):
        for service in services:
            cpu, memory = (u * rng.lognormvariate(0, 0.15) for u in usual[service])
            memory = usual[service][1] * rng.lognormvariate(0, 0.01)
            if fault and service == fault.service and minute >= 0:
                cpu *= fault.strength if fault.kind in {"cpu", "saturation"} else 1
                memory *= 3 if fault.kind == "memory" else 1
            rows.append([since + 60 * minute, f"{service}-5d8f9c7b6-abcd0", cpu, memory])
    return {"columns": ["timestamp", "pod", "CpuUsage(m)", "MemoryUsage(Mi)"], "rows": rows}


class _Maker:
    def __init__(self, world: World, incident: bool, fault: Fault | None) -> None:
        self._world = world
        self._incident = incident
        self._fault = fault
        self._rng = random.Random(f"{world.seed}-{incident}")
        self._begin = 1_700_000_000_000_000 + (600_000_000 if incident else 0)
        busy = fault is not None and fault.kind == "saturation"
        self._apart = 60_000_000 // max(world.traces, 1) // (4 if busy else 1)
        self._spans: list[dict[str, Any]] = []
        self._trace = ""

    def trace(self, number: int) -> Document:
        rng, world = self._rng, self._world
        self._trace = f"{rng.getrandbits(128):032x}"
        self._spans = []
        entry = rng.choices(world.entries, world.mix[: len(world.entries)])[0]
        start = self._begin + number * self._apart + rng.randrange(self._apart // 2 + 1)
        self._call(entry, None, start)
        if rng.random() >= world.sampled:
            self._spans = []
        kept = [s for s in self._spans if s["references"] == [] or rng.random() >= world.lost]
        places = sorted({s["processID"] for s in kept})
        processes = {
            p: {
                "serviceName": p.rsplit("#", 1)[0],
                "tags": [{"key": "k8s.pod.name", "type": "string", "value": p.replace("#", "-5d8f9c7b6-abcd")}],
            }
            for p in places
        }
        return {"traceID": self._trace, "spans": kept, "processes": processes}

    def _hit(self, kind: str, service: str) -> bool:
        fault = self._fault
        return (
            fault is not None and fault.kind == kind and fault.service == service and self._rng.random() < fault.share
        )

    def _call(self, call: Call, parent: str | None, start: int, follows: bool = False) -> tuple[int, bool]:
        """The end of the span and whether it failed."""
        world, rng = self._world, self._rng
        service, operation = call
        own, callees = world.shop[call]
        strength = self._fault.strength if self._fault else 1.0
        scale = rng.lognormvariate(0, world.noise)
        if self._incident:
            scale *= world.drift.get(service, 1.0)
        inner = not callees and operation.split(" ")[0].isupper() and "/" not in operation
        if self._hit("cpu", service) or self._hit("saturation", service) or (inner and self._hit("database", service)):
            scale *= strength
        span = self._span(service, operation, parent, start, follows)
        failed = not inner and self._hit("exception", service)
        cut = failed or (not inner and self._hit("early", service))
        refused = not inner and self._hit("refusal", service)
        steps = max(1, len(callees) + 1)
        now = start + int(own * scale / steps)
        latest = now
        for n, callee in enumerate(callees):
            if (cut or refused) and n >= len(callees) // 2:
                break
            if world.logs:
                self._log(
                    span, now, "info", f"step {n} of {operation}: calling {callee[0]} for {rng.getrandbits(32):08x}"
                )
            end, broken = self._reach(service, callee, span["spanID"], now)
            latest = max(latest, end)
            now = (now if world.parallel else end) + int(own * scale / steps)
            if broken and callee[0] not in world.asynchronous:
                failed = True
                break
        end = max(now, latest)
        if world.logs:
            if failed:
                self._log(
                    span, end, "error", f"{operation} failed with exception for request {rng.getrandbits(32):08x}"
                )
            elif refused:
                self._log(span, end, "error", f"{operation} rejected: limit of {rng.randrange(9)} exceeded")
            elif not cut:
                self._log(span, end, "info", f"{operation} done in {end - start} us")
        self._close(span, end, failed)
        return end, failed

    def _reach(self, service: str, callee: Call, parent: str, now: int) -> tuple[int, bool]:
        """A call, over the network where it goes to another service: client span, way, server span."""
        world, rng = self._world, self._rng
        if callee[0] == service:
            return self._call(callee, parent, now)
        if callee[0] in world.asynchronous:
            send = self._span(service, f"send {callee[1]}", parent, now, False)
            self._close(send, now + 200, False)
            self._call(callee, send["spanID"], now + 50_000 + rng.randrange(100_000), follows=True)
            return now + 200, False
        broken, end = True, now
        for _ in range(world.retries + 1):
            client = self._span(service, f"call {callee[0]} {callee[1]}", parent, end, False)
            begun = end
            if self._hit("crash", callee[0]):
                end, broken = end + rng.randrange(300, 900), True
            else:
                way = int(WAY_US * rng.lognormvariate(0, world.noise))
                if self._hit("network", callee[0]) or self._hit("network", service):
                    way += int((self._fault.strength if self._fault else 0) * 10_000)
                if self._hit("saturation", callee[0]):
                    way *= 6
                end, broken = self._call(callee, client["spanID"], end + way)
                end += way
            if world.give_up_us and end - begun > world.give_up_us:
                end, broken = begun + world.give_up_us, True
            self._close(client, end, broken)
            if not broken:
                break
        return end, broken

    def _span(self, service: str, operation: str, parent: str | None, start: int, follows: bool) -> dict[str, Any]:
        kind = "FOLLOWS_FROM" if follows else "CHILD_OF"
        reference = [{"refType": kind, "traceID": self._trace, "spanID": parent}] if parent else []
        span: dict[str, Any] = {
            "traceID": self._trace,
            "spanID": f"{self._rng.getrandbits(64):016x}",
            "operationName": operation,
            "references": reference,
            "startTime": start + self._world.skew_us.get(service, 0),
            "duration": 0,
            "tags": [],
            "logs": [],
            "processID": f"{service}#{self._rng.randrange(self._world.instances)}",
        }
        span["_start"] = start
        self._spans.append(span)
        return span

    def _close(self, span: dict[str, Any], end: int, failed: bool) -> None:
        span["duration"] = max(0, end - span.pop("_start"))
        if failed and self._world.statuses:
            span["tags"].append({"key": "error", "type": "bool", "value": True})

    @staticmethod
    def _log(span: dict[str, Any], when: int, level: str, message: str) -> None:
        fields = [
            {"key": "level", "type": "string", "value": level},
            {"key": "message", "type": "string", "value": message},
        ]
        span["logs"].append({"timestamp": when, "fields": fields})
