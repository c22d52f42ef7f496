// The freeze switch. Unreadable counts as frozen.

import {h, $, fill, set} from "./dom.js";
import * as api from "./api.js";
import {ask, notice} from "./dialogs.js";
import {barred, session} from "./session.js";

export const frozen = (model) => {const s = model.board?.switch; return s ? !s.readable || s.frozen : null;};

function press(model, context) {
  const now = model.board?.switch;
  if (!now) return notice("The switch is not known yet.");
  const command = frozen(model) ? "unfreeze" : "freeze";
  if (barred(command, context, `To ${command} the fleet`)) return;
  if (command === "unfreeze") {
    return ask("Let the fleet act again?", [h("p", `Frozen: ${now.why || "no reason was given"}.`), h("p.quiet", `Issues made to freeze it are closed, labels taken off others, as ${session.login}.`)],
      [{label: "Unfreeze", run: async () => {await api.unfreeze(); notice("Unfrozen.");}}]);
  }
  const field = h("input", {id: "why", required: true, maxlength: "200", autocomplete: "off", autofocus: true});
  return ask("Freeze the fleet?", [
    h("p", "Every action of every agent stops, within 5 seconds, until somebody unfreezes. The fleet goes on watching and diagnosing."),
    h("label", {for: "why"}, "Why"), field, h("p.quiet", `Written as an issue by ${session.login}; everybody can read the reason.`)],
  [{label: "Freeze", kind: "stop", run: async () => {await api.freeze(field.value.trim()); notice("Frozen.");}}]);
}

export function drawSwitch(model) {
  const is = frozen(model);
  fill($("freeze"), is === null ? "Freeze" : is ? "Unfreeze" : "Freeze");
  set($("freeze"), "data-frozen", is);
}

export const buildSwitch = (shown, context) => $("freeze").addEventListener("click", () => press(shown(), context()));
