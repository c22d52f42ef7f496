"""A case is kept, so there is no secret in it, and nothing of a span that nobody reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from agents.brain.case import Touch
from agents.brain.clean import Clean
from agents.brain.measured import ATTRIBUTES
from shared.analysis.trace import Span, SpanEvent, Trace
from shared.gitops.diff import KeyChange
from shared.gitops.stack import Service, Stack
from shared.ports import Commit, Container
from shared.redaction import HIDDEN, Redactor

SECRET = "s3cr3t-value"
AT = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = Span(
    "a" * 32,
    "b" * 16,
    "c" * 16,
    "policy-service",
    "GET /",
    "server",
    1,
    2,
    True,
    "refused",
    {"peer.service": "user-service", "db.system": "sqlite", "http.response.status_code": 503},
    (SpanEvent(1, "exception", {"exception.message": "no", "n": 3}),),
    "i1",
)


def clean() -> Clean:
    return Clean(Redactor([SECRET]))


def test_a_span_without_secrets_stays_as_it_was_in_every_field() -> None:
    assert set(SPAN.attributes) == ATTRIBUTES
    odd = replace(SPAN, status_message=SECRET)
    same, changed = clean().traces((Trace("a" * 32, (SPAN, odd)),))[0].spans
    assert same is SPAN
    differing = [f for f in Span.__slots__ if getattr(changed, f) != getattr(odd, f)]
    assert (differing, changed.status_message) == (["status_message"], HIDDEN)


def test_what_nobody_reads_of_a_span_is_not_part_of_a_case() -> None:
    wide = replace(SPAN, attributes={"user.email": "a@b.example", "db.system": "sqlite"})
    assert clean().traces((Trace("a" * 32, (wide,)),))[0].spans[0].attributes == {"db.system": "sqlite"}


def test_a_secret_is_gone_wherever_it_stood() -> None:
    container = Container("a", "i", "img", "t0", "t1", "running", True, 0, False, None, 0, {"x": f"token={SECRET}"})
    commit = Commit("a" * 40, f"dev {SECRET}", f"use {SECRET}", AT, "http://x/c")
    lever = KeyChange(service="s", key="environment.DB_PASSWORD", before="hunter2", after=None)
    touch = Touch("a" * 40, AT, (), (lever,), frozenset(("s",)), True)
    stack = Stack(services={"s": Service(memory_mib=64, environment={"DB_PASSWORD": "hunter2", "MODE": "fast"})})
    event = SpanEvent(1, "exception", {"exception.message": f"no {SECRET}"})
    span = replace(SPAN, attributes={"peer.service": SECRET}, events=(event,))
    one = clean()
    kept = (
        one.containers({"a": container}),
        one.commits((commit,)),
        one.touches((touch,)),
        one.desired(stack),
        one.traces((Trace("a" * 32, (span,)),)),
    )
    assert SECRET not in repr(kept)
    assert "hunter2" not in repr(kept)
    assert "fast" in repr(kept)
    assert one.desired(None) is None
