"""A trace drawn as a waterfall: one row for each span, children under their parent, details on a click."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape

from embedded.traces.model import KINDS, Attributes, Span, Value, pairs

COLOURS = 8
MAX_ROWS = 2000
MAX_DEPTH = 24


def colours(spans: list[Span]) -> dict[str, int]:
    """Each service of a trace with the number of its colour, in alphabetical order."""
    return {service: at % COLOURS for at, service in enumerate(sorted({span.service for span in spans}))}


def in_order(spans: list[Span]) -> Iterator[tuple[int, Span]]:
    """(depth, span): parents before children, siblings by start. Orphans are roots; a cycle is cut anywhere."""
    known = {span.span_id for span in spans}
    children: dict[bytes, list[Span]] = {}
    roots = []
    for span in sorted(spans, key=lambda span: span.start_ns):
        if span.parent_id in known and span.parent_id != span.span_id:
            children.setdefault(span.parent_id, []).append(span)
        else:
            roots.append(span)
    seen: set[int] = set()
    # Spans in a cycle have no root; they come last, each as its own root unless reached before.
    for root in [*roots, *spans]:
        waiting = [(0, root)]
        while waiting:
            depth, span = waiting.pop()
            if id(span) in seen:
                continue
            seen.add(id(span))
            yield depth, span
            waiting.extend((depth + 1, child) for child in reversed(children.get(span.span_id, ())))


def rows(spans: list[Span], length: Callable[[int], str], as_text: Callable[[Value], str]) -> str:
    """The rows as HTML. `length` writes a duration in ns, `as_text` an attribute's value."""
    start = min(span.start_ns for span in spans)
    whole = max(1, max(span.end_ns for span in spans) - start)
    colour_of = colours(spans)
    drawn: list[str] = []
    for depth, span in in_order(spans):
        if len(drawn) == MAX_ROWS:
            drawn.append(f"<p>{len(spans) - MAX_ROWS:,} more spans are not drawn.</p>")
            break
        left, width = 1000 * (span.start_ns - start) / whole, 1000 * span.duration_ns / whole
        bar = (
            f'<svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">'
            f'<rect class="c{colour_of[span.service]}{" failed" if span.failed else ""}" '
            f'x="{left:.2f}" y="1" width="{max(width, 2):.2f}" height="8"/></svg>'
        )
        drawn.append(
            f"<details><summary><span class='name d{min(depth, MAX_DEPTH)}{' failed' if span.failed else ''}'>"
            f"<b class='c{colour_of[span.service]}'>{escape(span.service)}</b> {escape(span.name)}</span>"
            f"<span class=bar>{bar}</span><span class=n>{length(span.duration_ns)}</span></summary>"
            f"{_details(span, start, length, as_text)}</details>"
        )
    return "".join(drawn)


def _details(span: Span, start: int, length: Callable[[int], str], as_text: Callable[[Value], str]) -> str:
    status = ("", "ok", "error")[span.status] if 0 <= span.status <= 2 else str(span.status)
    facts: list[tuple[str, Value]] = [
        ("span id", span.span_id.hex()),
        ("parent", span.parent_id.hex() or "none"),
        ("kind", KINDS[span.kind] or "unspecified"),
        ("starts after", length(span.start_ns - start)),
    ]
    if status or span.rare.status_message:
        facts.append(("status", f"{status} {span.rare.status_message}".strip()))
    parts = [_table("Span", facts, as_text), _table("Attributes", list(pairs(span.attributes)), as_text)]
    for event in span.rare.events:
        title = f"{event.name} after {length(max(0, event.time_ns - start))}"
        parts.append(_table(title, list(pairs(event.attributes)), as_text))
    for link in span.rare.links:
        parts.append(
            f"<p>Linked to <a href='/trace/{link.trace_id.hex()}'>{link.trace_id.hex()}</a></p>",
        )
    parts.append(_table("Process", list(pairs(_named(span.resource.attributes))), as_text))
    return "".join(parts)


def _named(attributes: Attributes) -> Attributes:
    return attributes or ("service.name", "(not said)")


def _table(title: str, lines: list[tuple[str, Value]], as_text: Callable[[Value], str]) -> str:
    if not lines:
        return f"<h3>{escape(title)}</h3>"
    made = "".join(f"<tr><th>{escape(key)}</th><td>{escape(as_text(value))}</td></tr>" for key, value in lines)
    return f"<h3>{escape(title)}</h3><table>{made}</table>"
