// A trace as its spans lay in time: what called what, where the time went, where it failed.

import {h, fill, out, plain, press} from "./dom.js";
import * as api from "./api.js";
import {millis, plural} from "./words.js";

function row(span, total) {
  const bar = h("i", {"data-critical": span.critical, "data-error": span.error});
  bar.style.left = `${Math.min(99.5, Math.max(0, (100 * span.start_ms) / total))}%`;
  bar.style.width = `${Math.min(100, Math.max(0.5, (100 * span.duration_ms) / total))}%`;
  const name = h("th", {scope: "row"}, h("span", span.service), " ", h("span.quiet", span.operation));
  name.style.paddingInlineStart = `${0.7 * Math.min(12, span.depth)}em`;
  return h("tr", {"data-critical": span.critical}, name, h("td", h("span.lane-bar", bar)),
    h("td.figures", millis(span.duration_ms), span.error ? h("b.failed", " error") : null));
}

function draw(host, trace) {
  const total = Math.max(trace.duration_ms, ...trace.spans.map((span) => span.start_ms + span.duration_ms), 0.001);
  const services = new Set(trace.spans.map((span) => span.service)).size;
  fill(host, h("div.wide", {role: "region", tabindex: "0", "aria-label": "Trace waterfall"},
    h("table.waterfall",
      h("caption", `${millis(trace.duration_ms)}, ${plural(trace.spans.length + (trace.left_out ?? 0), "span")} in ${plural(services, "service")}${trace.left_out ? `, ${trace.left_out} left out` : ""}. Bright: the critical path. `, out(trace.url, "In Jaeger")),
      h("thead.unseen", h("tr", ["Span", "When", "Took"].map((t) => h("th", {scope: "col"}, t)))),
      h("tbody", trace.spans.map((span) => row(span, total))))));
}

export async function show(host, id) {
  if (host.trace === id) return;
  host.trace = id;
  fill(host, h("p.quiet", `Reading trace ${plain(id).slice(0, 8)}…`));
  try {const trace = await api.trace(id); if (host.trace === id) draw(host, trace);}
  catch (error) {
    if (host.trace !== id) return;
    host.trace = null;
    fill(host, h("p.problem", error.message, " ", press("tool small", () => show(host, id), "Try again")));
  }
}
