"""Plain pages for people: recent traces at `/`, one trace as a waterfall at `/trace/{id}`. No script, no build step."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from urllib.parse import quote, urlencode

from embedded.traces.api_legacy import as_text
from embedded.traces.http import Answer, Request
from embedded.traces.model import Span
from embedded.traces.params import BadParameter, Params, duration_ns, first, trace_id
from embedded.traces.store import Query, Store
from embedded.traces.waterfall import colours, rows

CSP = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
HEADERS = {"Content-Security-Policy": CSP, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
STYLE = Path(__file__).with_name("style.css")
LIST_LIMIT = 100


def serve(store: Store, request: Request) -> Answer:
    """The page at a path, or a 404 page."""
    match request.path.split("/")[1:]:
        case [""]:
            return _search(store, request.params)
        case ["trace", wanted]:
            return _trace(store, wanted)
        case ["style.css"]:
            return Answer(200, STYLE.read_bytes(), "text/css; charset=utf-8")
        case _:
            return _page(404, "Not found", "<p>There is no such page. <a href='/'>All traces</a></p>")


def clock(ns: int) -> str:
    """Time of day in UTC with milliseconds."""
    return datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def length(ns: int) -> str:
    """A duration with three digits and its unit."""
    for unit, size in (("s", 10**9), ("ms", 10**6)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}" if ns < 1000 * size else f"{ns / size:.0f} {unit}"
    return f"{ns / 1000:.0f} µs"


def _search(store: Store, params: Params) -> Answer:
    service, shortest = first(params, "service"), first(params, "min")
    errors_only = bool(first(params, "errors"))
    problem = ""
    try:
        min_ns = duration_ns(shortest) if shortest else 0
    except BadParameter:
        min_ns, problem = 0, f"<p class='problem'>“{escape(shortest)}” is not a duration such as 250ms or 1.5s.</p>"
    matches = (lambda span: span.failed,) if errors_only else ()
    found = store.search(
        Query(service, 0, time.time_ns() + 10**12, LIST_LIMIT, min_duration_ns=min_ns, matches=matches)
    )
    size = store.size()
    options = "".join(
        f"<option{' selected' if name == service else ''}>{escape(name)}</option>" for name in store.services()
    )
    form = f"""
<form action="/" method="get">
  <label>Service <select name="service"><option value="">all</option>{options}</select></label>
  <label>At least <input name="min" size="8" placeholder="250ms" value="{escape(shortest)}"></label>
  <label><input type="checkbox" name="errors" value="1"{" checked" if errors_only else ""}> errors only</label>
  <button>Find</button>
</form>{problem}"""
    held = f"{size['spans']:,} spans in {size['traces']:,} traces held, {size['evicted']:,} dropped as the oldest"
    body = form + (_table(found) if found else "<p>No trace fits.</p>") + f"<footer>{held}</footer>"
    return _page(200, "Traces", body)


def _table(found: Iterable[list[Span]]) -> str:
    lines = []
    for spans in found:
        start, end = min(span.start_ns for span in spans), max(span.end_ns for span in spans)
        top = next((span for span in spans if not span.parent_id), min(spans, key=lambda span: span.start_ns))
        errors = sum(span.failed for span in spans)
        services = ", ".join(sorted({span.service for span in spans}))
        lines.append(
            f"<tr{' class=failed' if errors else ''}><td>{clock(start)}</td>"
            f"<td><a href='/trace/{spans[0].trace.trace_id.hex()}'>{escape(top.service)}: {escape(top.name)}</a></td>"
            f"<td class=n>{length(end - start)}</td><td class=n>{len(spans)}</td>"
            f"<td class=n>{errors or ''}</td><td>{escape(services)}</td></tr>"
        )
    head = "<tr><th>Start (UTC)<th>Trace<th class=n>Duration<th class=n>Spans<th class=n>Errors<th>Services</tr>"
    return f"<table><thead>{head}</thead><tbody>{''.join(lines)}</tbody></table>"


def _trace(store: Store, wanted: str) -> Answer:
    try:
        spans = store.trace(trace_id(wanted))
    except BadParameter:
        return _page(400, "Not a trace id", "<p>A trace id is up to 32 hex digits. <a href='/'>All traces</a></p>")
    if not spans:
        gone = "<p>No such trace here; the oldest are dropped. <a href='/'>All traces</a></p>"
        return _page(404, "Trace not found", gone)
    start, end = min(span.start_ns for span in spans), max(span.end_ns for span in spans)
    errors = sum(span.failed for span in spans)
    links = " ".join(
        f"<a class='c{colour}' href='/?{escape(urlencode({'service': service}))}'>{escape(service)}</a>"
        for service, colour in colours(spans).items()
    )
    hexed = spans[0].trace.trace_id.hex()
    facts = (
        f"<p>{clock(start)} UTC · {length(end - start)} · {len(spans)} spans · "
        f"{f'<strong class=failed>{errors} failed</strong>' if errors else 'no errors'} · {links} · "
        f"<a href='/api/v3/traces/{quote(hexed)}'>OTLP JSON</a></p>"
    )
    scale = "".join(f"<span>{length((end - start) * part // 4)}</span>" for part in range(5))
    body = f"{facts}<div class=scale>{scale}</div><div class=waterfall>{rows(spans, length, as_text)}</div>"
    return _page(200, f"Trace {hexed[:16]}…", body)


def _page(status: int, title: str, body: str) -> Answer:
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>{escape(title)} · SRE-Space traces</title>
<link rel="stylesheet" href="/style.css"></head>
<body><header><a href="/">SRE-Space traces</a></header><main><h1>{escape(title)}</h1>{body}</main></body></html>
"""
    return Answer(status, page.encode(errors="replace"), "text/html; charset=utf-8", HEADERS)
