// One lane an incident: detect → diagnose → rule → act → verify → learn, moving as it happens.

import {h, $, fill, keyed, set} from "./dom.js";
import {asks, ordered} from "./model.js";
import {buttons} from "./commands.js";
import {count, known, plural, span} from "./words.js";

const STAGES = ["detect", "diagnose", "rule", "act", "verify", "learn"];
const STATES = {done: "done", now: "now", failed: "failed", todo: "not yet", skipped: "skipped"};
const CHIPS = {open: "Open", asks: "For a person", closed: "Closed", all: "All"};
export const choice = {chip: "open", text: ""};

export function track() {
  return h("ol.track", {"aria-label": "Stages"}, STAGES.map(() => h("li", h("span.knob", {"aria-hidden": "true"}), h("b"), h("span.unseen"), h("small"))));
}

export function drawTrack(list, card) {
  STAGES.forEach((name, n) => {
    const stage = card.stages.find((one) => one.stage === name) ?? {state: "todo"}, item = list.children[n];
    const [, title, said, took] = item.children, state = stage.state in STATES ? stage.state : "todo";
    set(item, "data-state", state);
    set(item, "title", [stage.by, stage.note].filter(Boolean).join(": ") || null);
    set(item, "aria-current", state === "now" ? "step" : null);
    fill(title, name);
    fill(said, `: ${STATES[state]}`);
    fill(took, known(stage.took_s) ? span(stage.took_s) : state === "now" ? stage.by ?? "now" : state === "failed" || state === "skipped" ? STATES[state] : "");
  });
}

export const status = (card) => (card.closed ? "Closed" : card.status.replace(/-/g, " ").toLowerCase().replace(/^./, (c) => c.toUpperCase()));
export const severity = (card) => h("span.severity", {"data-severity": card.severity}, card.severity);

function make(card) {
  const [service, symptom, state, summary, waiting, said] = [h("b"), h("span.symptom"), h("span.status"), h("p.summary"), h("p.waiting"), h("div.say")];
  const age = h("time.quiet"), flags = h("span.flags");
  const line = track(), name = h("a.open", {href: `#/incidents/${card.number}`}, h("span.number", `#${card.number}`), " ", service, " ", symptom);
  const row = h("li.lane", {id: `lane-${card.number}`},
    h("div.head", h("h3", name), age), h("div.what", state, flags, summary), line, h("div.next", waiting, said));
  row.parts = {service, symptom, state, summary, waiting, said, age, flags, line, name};
  return row;
}

function draw(row, card, context) {
  const p = row.parts;
  row.card = card;
  set(row, "data-state", card.closed ? "closed" : asks(card) ? "asks" : card.status === "Escalated" ? "escalated" : "open");
  fill(p.service, card.service);
  fill(p.symptom, card.symptom);
  fill(p.state, status(card));
  fill(p.summary, card.summary);
  fill(p.waiting, card.closed ? "" : card.waiting);
  const at = card.closed ? card.updated_at : card.opened_at;
  set(p.age, "datetime", at);
  set(p.age, "data-ago", at);
  fill(p.flags, severity(card), card.held ? h("span.flag", "held") : null, card.recurrence ? h("span.flag", `again, ${plural(card.recurrence, "time")}`) : null,
    card.whole ? null : h("span", {class: "flag bad"}, "log has a gap"));
  drawTrack(p.line, card);
  const first = asks(card) ? card.can.filter((word) => /^\/(approve|deny|retry)\b/.test(word)) : [];
  buttons(p.said, card, first, context);
}

const matches = (card, words) => words.every((word) => `#${card.number} ${card.service} ${card.symptom} ${card.severity} ${card.status} ${card.title}`.toLowerCase().includes(word));

export function drawLanes(model, context) {
  if (!model.board) return;
  const cards = ordered(model.incidents.values()), list = $("incidents");
  const sorts = {open: cards.filter((c) => !c.closed), asks: cards.filter(asks), closed: cards.filter((c) => c.closed), all: cards};
  for (const button of $("chips").children) {
    set(button, "aria-pressed", String(button.name === choice.chip));
    fill(button.firstElementChild, count(sorts[button.name].length));
  }
  const words = choice.text.toLowerCase().split(/\s+/).filter(Boolean), shown = sorts[choice.chip].filter((card) => matches(card, words));
  keyed(list, shown, {key: (card) => card.number, make, draw: (row, card) => draw(row, card, context), dirty: (row, card) => context.redraw || row.card !== card});
  const nothing = {open: "No incident is open.", asks: "Nobody is asked for anything.", closed: "None was closed in the last 24 hours.", all: "No incident in the last 24 hours."};
  fill($("no-incidents"), shown.length ? "" : words.length ? "Nothing fits the filter." : nothing[choice.chip]);
}

export function buildChips(changed) {
  for (const [name, label] of Object.entries(CHIPS)) {
    const chip = h("button", {type: "button", class: "chip", name, on: {click: () => {choice.chip = name; changed();}}}, `${label} `, h("span.quiet"));
    $("chips").append(chip);
  }
  $("filter").addEventListener("input", (event) => {choice.text = event.target.value; changed();});
}
