// What everybody has to know first: the past, a silent server, a freeze, a source that is away.

import {h, $, keyed, fill, out, set} from "./dom.js";
import {SOURCES, ago, moment, span} from "./words.js";

export function drawBanners(model, live, {link, past, reading, stale}) {
  const all = [], say = (id, kind, ...text) => all.push({id, kind, text});
  const now = live.now(), board = model.board;
  if (past && reading) say("past", "past", `Reading the log of ${moment(past, now)}…`);
  else if (past) say("past", "past", `You are looking at the past: ${moment(past, now)}, ${ago((now - Date.parse(past)) / 1000)}. `, h("a", {href: "#", class: "to-live"}, "Back to live"));
  if (link.state !== "live" && stale) {
    say("link", "bad", live.board ? `The dashboard's server is away since ${moment(new Date(link.since).toISOString(), Date.now())}. What is shown is ${span((Date.now() - link.heard) / 1000)} old.` : "The dashboard's server does not answer. Nothing is known yet.", " Trying again.");
  }
  const is = board?.switch;
  if (is && !is.readable) say("switch", "warn", "The freeze switch cannot be read: the fleet counts it as frozen and does not act.");
  else if (is?.frozen) say("switch", "warn", `The fleet is frozen${is.why ? `: ${is.why}` : ""}. `, is.url ? out(is.url, "The issue") : null);
  for (const one of board?.sources ?? []) {
    if (!one.ok) say(`source ${one.name}`, "warn", `${SOURCES[one.name] ?? one.name}: away since ${moment(one.at, now)}${one.detail ? `: ${one.detail}` : ""}.`, {github: " What is shown of incidents may be old.", kafka: " No telemetry arrives; incidents are still read from GitHub.", traces: " Waterfalls cannot be shown."}[one.name] ?? "");
  }
  keyed($("banners"), all, {key: (one) => one.id, make: () => h("div.banner"), draw: (row, one) => {
    set(row, "data-kind", one.kind);
    const text = h("p", one.text);
    if (row.textContent !== text.textContent) fill(row, text);
  }});
}

export function drawLink(live, {link, past, stale}) {
  const age = live.board ? (Date.now() - link.heard) / 1000 : null;
  const state = past ? "past" : link.state === "live" ? "live" : stale ? "away" : "connecting";
  set($("link"), "data-link", state);
  fill($("link-text"), {live: "Live", past: "Past", connecting: "Connecting", away: age === null ? "Away" : `Away, data ${span(age)} old`}[state]);
}
