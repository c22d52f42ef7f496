// Buttons that say a command, after showing what will be written; Guardrail decides.

import {h, fill, out, set} from "./dom.js";
import * as api from "./api.js";
import {ask, notice} from "./dialogs.js";
import {barred, session, whyNot} from "./session.js";

const said = new Map(); // "7 /approve" → the state of the incident it was said in
const state = (card) => `${card.status} ${card.action?.digest} ${card.held}`;

function press(card, command, context) {
  if (barred(command, context, `To say ${command} on #${card.number}: ${card.action?.text ?? card.title}`)) return;
  const bound = command === "/approve" && card.action, {does, syntax} = context.does(command);
  const field = syntax !== command && h("input", {value: syntax, maxlength: "200", autocomplete: "off", autofocus: true, "aria-label": "Command"});
  ask(`${command} on #${card.number}?`, [
    h("p", `${command}: ${does}.`), field || null,
    h("dl.pairs",
      h("dt", "Incident"), h("dd", card.title),
      bound ? [h("dt", "Action"), h("dd", h("code", card.action.text)), h("dt", "Directive"), h("dd", h("code", {title: card.action.digest}, card.action.digest?.slice(0, 16)))] : null,
      h("dt", "Written as"), h("dd", `${session.login} (${session.permission})`)),
    h("p.quiet", "It becomes your comment. Guardrail checks your permission and answers there.")],
  [{label: `Write ${command}`, kind: command === "/deny" ? "stop" : "go", run: async () => {
    const {comment_url: url} = await api.say(card.number, field ? field.value : command);
    said.set(`${card.number} ${command}`, state(card));
    context.changed();
    notice(`${command} is written on #${card.number}. `, out(url, "Your comment"), ". Guardrail answers next.");
  }}]);
}

/** Buttons for `words` in `host`; what cannot be said now says why. */
export function buttons(host, card, words, context) {
  const shape = JSON.stringify([words, state(card), session, context.past, context.away, words.map((word) => said.get(`${card.number} ${word}`))]);
  if (host.shape === shape) return;
  const focused = host.contains(document.activeElement) ? document.activeElement.name : null;
  host.shape = shape;
  host.card = card;
  fill(host, words.map((word) => {
    const waits = said.get(`${card.number} ${word}`) === state(card), why = waits ? "Written. Guardrail answers on the issue." : whyNot(word, context);
    const kind = word === "/approve" ? "go" : word === "/deny" ? "stop" : "plain";
    const button = h("button", {type: "button", class: `tool ${kind}`, name: word, title: why ?? context.does(word).does, "aria-disabled": why ? "true" : null, on: {click: () => (waits ? notice(why) : press(host.card, word, context))}}, word, waits ? " ✓" : null);
    set(button, "aria-label", `${word} on incident ${card.number}${why ? `. ${why}` : ""}`);
    return button;
  }));
  if (focused) host.querySelector(`[name="${CSS.escape(focused)}"]`)?.focus();
}
