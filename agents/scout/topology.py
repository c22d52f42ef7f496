"""Who calls whom, learned from spans."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Final, TypeVar

from shared.analysis.trace import Span

MOST: Final = 5_000
"""Remembered edges and endpoints; the oldest make room."""
_ADDRESS: Final = re.compile(r"[0-9.]+|\[?[0-9a-fA-F:]+\]?|localhost")
_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}")


K = TypeVar("K")
V = TypeVar("V")


class Topology:
    """The calls between services that were seen, and which service answers which call."""

    def __init__(self) -> None:
        self._edges: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._endpoints: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    def learn(self, call: Span, callee: str) -> None:
        """The client span `call` was answered by `callee`."""
        _remember(self._edges, (call.service, callee), None)
        _remember(self._endpoints, (call.service, call.operation, _peer(call)), callee)

    def learn_named(self, call: Span) -> None:
        """A client span that names the service it calls, answered or not."""
        named = call.attributes.get("peer.service")
        if isinstance(named, str) and _NAME.fullmatch(named) and named != call.service:
            _remember(self._edges, (call.service, named), None)

    def callee(self, call: Span) -> str | None:
        """The service `call` was meant for: as it says, as its host is called, or as the same call went before."""
        named = call.attributes.get("peer.service")
        if isinstance(named, str) and _NAME.fullmatch(named):
            return named
        known = self._endpoints.get((call.service, call.operation, _peer(call)))
        if known is not None:
            return known
        host = call.attributes.get("server.address")
        if isinstance(host, str) and _NAME.fullmatch(host) and not _ADDRESS.fullmatch(host):
            return host
        return None

    @property
    def edges(self) -> frozenset[tuple[str, str]]:
        """(caller, callee)."""
        return frozenset(self._edges)

    def neighbours(self, service: str) -> frozenset[str]:
        """The services that call `service` or that it calls, directly."""
        near = {callee for caller, callee in self._edges if caller == service}
        return frozenset(near | {caller for caller, callee in self._edges if callee == service}) - {service}

    def callers(self, service: str) -> frozenset[str]:
        """Every service that calls `service`, directly or through others; itself not included."""
        return callers(self.edges, service)


def callers(edges: frozenset[tuple[str, str]], service: str) -> frozenset[str]:
    """The transitive callers of `service` in `edges` (caller, callee); itself not included."""
    found: set[str] = set()
    frontier = [service]
    while frontier:
        callee = frontier.pop()
        for caller, called in edges:
            if called == callee and caller not in found and caller != service:
                found.add(caller)
                frontier.append(caller)
    return frozenset(found)


def _peer(call: Span) -> str:
    return f"{call.attributes.get('server.address', '')}:{call.attributes.get('server.port', '')}"


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > MOST:
        memory.popitem(last=False)
