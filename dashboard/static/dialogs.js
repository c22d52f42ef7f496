// The one dialog, and short notices. The browser keeps focus inside and gives it back.

import {h, $, fill, set, press} from "./dom.js";

/** Asks something. `actions` are {label, kind, run}; when `run` fails its words stand in the dialog. */
export function ask(title, body, actions = []) {
  const dialog = $("dialog"), problem = h("p.problem", {role: "alert"});
  const close = press("tool", () => dialog.close(), actions.length ? "Cancel" : "Close");
  const made = actions.map(({label, kind, run}) => {
    const button = h("button", {type: "submit", class: `tool ${kind ?? "go"}`}, label);
    button.run = run;
    return button;
  });
  const form = h("form", {on: {submit: async (event) => {
    event.preventDefault();
    const button = event.submitter ?? made[0];
    for (const one of [...made, close]) one.disabled = true;
    fill(problem, "");
    try {await button.run(); dialog.close();}
    catch (error) {fill(problem, error.message);}
    for (const one of [...made, close]) one.disabled = false;
  }}}, h("h2", {id: "dialog-heading"}, title), body, problem, h("div.actions", made, close));
  fill(dialog, form);
  if (!dialog.open) dialog.showModal();
  (form.querySelector("[autofocus]") ?? close).focus();
}

let fading = 0;
export function notice(...what) {
  clearTimeout(fading);
  fill($("notice"), what);
  set($("notice"), "data-shown", true);
  fading = setTimeout(() => set($("notice"), "data-shown", false), 9000);
}
