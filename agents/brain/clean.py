"""A case without secrets, before anything in it is hashed, shown or kept: each text is looked at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agents.brain.case import Touch
from agents.brain.measured import ATTRIBUTES
from shared.analysis.trace import Scalar, Span, SpanEvent, Trace
from shared.gitops.diff import KeyChange
from shared.gitops.stack import Stack
from shared.ports import Commit, Container
from shared.redaction import Redactor


class Clean:
    """Of one look: it remembers the texts it has seen."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known: dict[str, str] = {}

    def text(self, value: str) -> str:
        known = self._known.get(value)
        if known is None:
            known = self._known[value] = self._redactor.text(value)
        return known

    def traces(self, traces: tuple[Trace, ...]) -> tuple[Trace, ...]:
        """With the attributes that a judgement reads, and no others."""
        return tuple(Trace(t.trace_id, tuple(self._span(s) for s in t.spans)) for t in traces)

    def containers(self, named: Mapping[str, Container]) -> dict[str, Container]:
        return {
            name: replace(one, labels={key: self.text(value) for key, value in one.labels.items()})
            for name, one in named.items()
        }

    def commits(self, commits: tuple[Commit, ...]) -> tuple[Commit, ...]:
        return tuple(replace(c, message=self.text(c.message), author=self.text(c.author)) for c in commits)

    def touches(self, touches: tuple[Touch, ...]) -> tuple[Touch, ...]:
        return tuple(replace(t, levers=tuple(self._lever(lever) for lever in t.levers)) for t in touches)

    def desired(self, stack: Stack | None) -> Stack | None:
        if stack is None:
            return None
        services = {
            name: service.model_copy(
                update={"environment": {key: self._value(key, value) for key, value in service.environment.items()}}
            )
            for name, service in stack.services.items()
        }
        return stack.model_copy(update={"services": services})

    def _span(self, one: Span) -> Span:
        operation, message = self.text(one.operation), self.text(one.status_message)
        attributes = {k: self._scalar(k, v) for k, v in one.attributes.items() if k in ATTRIBUTES}
        events = tuple(self._event(e) for e in one.events) if one.events else ()
        if (operation, message, attributes, events) == (one.operation, one.status_message, one.attributes, one.events):
            return one
        return Span(  # thousands of them: dataclasses.replace takes five times as long
            one.trace_id, one.span_id, one.parent_id, one.service, operation, one.kind, one.start_us, one.duration_us,
            one.error, message, attributes, events, one.instance,
        )  # fmt: skip

    def _event(self, one: SpanEvent) -> SpanEvent:
        return replace(one, attributes={k: self._scalar(k, v) for k, v in one.attributes.items()})

    def _scalar(self, key: str, value: Scalar) -> Scalar:
        return self._value(key, value) if isinstance(value, str) else value

    def _lever(self, lever: KeyChange) -> KeyChange:
        before, after = (value and self._value(lever.key, value) for value in (lever.before, lever.after))
        return (
            lever
            if (before, after) == (lever.before, lever.after)
            else lever.model_copy(update={"before": before, "after": after})
        )

    def _value(self, key: str, value: str) -> str:
        """`value` as the text `key=value` would be redacted: a password is known by its name."""
        return self.text(f"{key}={value}").removeprefix(f"{key}=")
