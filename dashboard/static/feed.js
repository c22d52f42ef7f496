// What the agents think, and what they did, newest first. It can be paused: nobody reads what runs away.

import {h, $, fill, keyed, set} from "./dom.js";
import {clock} from "./words.js";

let held = null; // the entries on the screen while paused
let whose = "";
const agents = new Set();

function make(entry) {
  const to = entry.incident ? h("a", {href: `#/incidents/${entry.incident}`, class: "number"}, `#${entry.incident}`) : null;
  return h("li", {"data-act": entry.act}, h("time", {datetime: entry.at}, clock(entry.at)), h("b", entry.agent || "?"), to, h("p", entry.act ? h("span.unseen", "Did: ") : null, entry.text));
}

export function drawFeed(model) {
  for (const {agent} of model.feed) {
    if (agent && !agents.has(agent)) {agents.add(agent); $("feed-agent").append(h("option", {value: agent}, agent));}
  }
  const entries = held ?? model.feed, list = $("feed");
  keyed(list, entries.filter((entry) => !whose || entry.agent === whose), {key: (entry) => entry.key, make, draw: () => {}, dirty: () => false});
  set(list, "data-empty", entries.length ? null : model.live ? "No agent has said anything yet." : "Thoughts are not kept for past moments.");
  const missed = held ? model.feed.filter((entry) => entry.key > held.newest).length : 0;
  fill($("feed-pause"), held ? `Resume${missed ? ` (${missed} new)` : ""}` : "Pause");
}

export const about = (model, number) => model.feed.filter((entry) => entry.incident === number).reverse();

export function buildFeed(model, changed) {
  $("feed-agent").addEventListener("change", (event) => {whose = event.target.value; changed();});
  $("feed-pause").addEventListener("click", () => {
    held = held ? null : Object.assign([...model().feed], {newest: Math.max(-1, ...model().feed.map((entry) => entry.key))});
    set($("feed-pause"), "aria-pressed", String(Boolean(held)));
    changed();
  });
}
