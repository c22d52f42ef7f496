// The fleet itself: heartbeats, the sources it lives on, what it may still do, and what it has earned.

import {h, $, fill, keyed, meter, set} from "./dom.js";
import {SOURCES, ago, count, known, plural, span} from "./words.js";

const dot = () => h("span.dot", {"aria-hidden": "true"});
const line = (name) => {const text = h("span.quiet"); return Object.assign(h("li", dot(), h("span", name), text), {text});};
const none = (list, empty, text) => set(list, "data-empty", empty ? text : null);

export function drawFleet(model, {stale}) {
  const beats = [...model.beats.values()], list = $("fleet");
  const judged = beats.map((beat) => {
    const age = beat.at ? (model.now() - Date.parse(beat.at)) / 1000 : null;
    return {...beat, age, state: !beat.at || stale ? "unknown" : beat.ok ? "ok" : "bad"};
  });
  keyed(list, judged, {
    key: (beat) => beat.agent,
    make: (beat) => line(beat.agent),
    draw: (row, beat) => {
      set(row, "data-health", beat.state);
      set(row, "title", beat.detail);
      fill(row.text, beat.age === null ? "not heard" : `${beat.ok ? "" : "silent, "}${ago(beat.age)}`);
    },
  });
  const alive = judged.filter((beat) => beat.state === "ok").length;
  fill($("fleet-sum"), !beats.length || stale ? "unknown" : `${count(alive)} of ${count(beats.length)} heard`);
  none(list, !beats.length, model.live ? "No worker has been heard yet." : "Heartbeats are not kept for past moments.");
}

export function drawSources(model) {
  keyed($("sources"), model.board?.sources ?? [], {
    key: (one) => one.name,
    make: (one) => line(SOURCES[one.name] ?? one.name),
    draw: (row, one) => {
      set(row, "data-health", !model.live ? "unknown" : one.ok ? "ok" : "bad");
      fill(row.text, !model.live ? "not kept for past moments" : one.ok ? one.detail || "answers" : `away${one.detail ? `: ${one.detail}` : ""}`);
    },
  });
}

export function drawBudgets(model) {
  const budgets = model.board?.budgets ?? [], list = $("budgets");
  keyed(list, budgets, {
    key: (one) => `${one.scope} ${one.name} ${one.window_s}`,
    make: () => h("li"),
    draw: (row, one) => {
      const is = known(one.used) && one.of > 0, full = is && one.used >= one.of;
      set(row, "data-full", full);
      fill(row, h("span", one.name), h("span.quiet", `${count(one.used)} of ${count(one.of)} in ${span(one.window_s)}${full ? ", used up" : ""}`), meter(is ? one.used / one.of : 0));
      set(row, "title", one.detail);
    },
  });
  none(list, !budgets.length, "No budget is known yet.");
}

export function drawTrust(model) {
  const trust = model.board?.trust ?? [], list = $("trust");
  keyed(list, trust, {
    key: (one) => `${one.service} ${one.cause} ${one.verb}`,
    make: () => h("li.tall"),
    draw: (row, one) => fill(row, h("span", `${one.verb} ${one.service}`, h("span.quiet", ` on ${one.cause}`)),
      h("span.quiet", `${one.standing} · helped ${count(one.helped)}, failed ${count(one.failed)}, undone ${count(one.undone)}`)),
  });
  none(list, !trust.length, "Nothing has been tried yet.");
}

export function drawLetters(model) {
  const list = $("letters");
  keyed(list, model.letters, {
    key: (one) => `${one.at} ${one.origin}`,
    make: (one) => h("li.tall", h("span", one.origin, " ", h("time.quiet", {datetime: one.at, "data-ago": one.at})), h("span.quiet", one.reason)),
    draw: () => {},
  });
  none(list, !model.letters.length, "None.");
}

export function drawHistory(model) {
  const days = model.board?.mttr?.days ?? [], host = $("history"), shape = JSON.stringify(days);
  if (host.shape === shape) return;
  host.shape = shape;
  const told = days.map((day) => day.mttr_s).filter(known), most = Math.max(...told, 1), nothing = "No incident was closed in 14 days.";
  const column = (day) => {
    const is = known(day.mttr_s), bar = h("i", {"data-known": is});
    bar.style.height = `${is ? Math.max(4, (100 * day.mttr_s) / most) : 0}%`;
    return h("span", {title: `${day.day}: ${plural(day.closed, "incident")} closed, recovered after ${span(day.mttr_s)}`}, bar, h("b", day.day.slice(8)));
  };
  const row = (day) => h("tr", h("th", {scope: "row"}, day.day), h("td", count(day.closed)), [day.mttd_s, day.mtta_s, day.mttr_s].map((x) => h("td", day.closed ? span(x) : "–")));
  fill(host,
    h("div.days", {role: "img", "aria-label": told.length ? `Mean time to recover, between ${span(Math.min(...told))} and ${span(most)}; the table below has the numbers` : nothing}, days.map(column)),
    told.length ? h("p", {class: "quiet scale"}, `highest ${span(most)}`) : h("p.empty", nothing),
    h("details", h("summary", "As a table"), h("div.wide", {tabindex: "0", role: "region", "aria-label": "Times by day"},
      h("table", h("thead", h("tr", ["Day", "Closed", "Detect", "Acknowledge", "Recover"].map((t) => h("th", {scope: "col"}, t)))), h("tbody", days.map(row))))));
}

