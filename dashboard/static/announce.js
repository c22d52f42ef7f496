// What a screen reader is told: beginnings, ends, and what waits for a person.

import {$, fill} from "./dom.js";
import {asks} from "./model.js";
import {plural} from "./words.js";

const PAUSE_MS = 5000;
let waiting = [], timer = 0, quietUntil = 0;

function flush() {
  timer = 0;
  const said = waiting.length > 3 ? `${plural(waiting.length, "change")}; the last: ${waiting.at(-1)}` : waiting.join(" ");
  waiting = [];
  quietUntil = performance.now() + PAUSE_MS;
  fill($("say"), said);
}

export function announce(text) {
  waiting.push(text);
  timer ||= setTimeout(flush, Math.max(50, quietUntil - performance.now()));
}

export function tell(before, card) {
  const name = `Incident ${card.number}, ${card.service} ${card.symptom}`;
  if (!before && !card.closed) announce(`New: ${name}.`);
  if (asks(card) && !(before && asks(before))) announce(`${name} waits for a person.`);
  if (card.closed && before && !before.closed) announce(`${name} is closed.`);
}
