// Shortcuts. They can be switched off, and never work while something is typed or a dialog is open.

import {h, $, kept} from "./dom.js";
import {ask} from "./dialogs.js";
import {go, read} from "./route.js";
import {step, toLive} from "./slider.js";

const off = () => kept("keys") === "off";
const KEYS = {"?": ["This list", () => help()], j: ["Next incident", () => move(1)], k: ["Previous incident", () => move(-1)], Enter: ["Open the incident in focus"], Escape: ["Back to all incidents", () => read().incident && go({incident: null})],
  "/": ["Filter incidents", () => $("filter").focus()], ",": ["A minute earlier", () => step(-60)], ".": ["A minute later", () => step(60)], l: ["Back to live", toLive], t: ["Dark, light or as the system"]};

function move(by) {
  const links = [...document.querySelectorAll(".lane .open")].filter((link) => link.offsetParent), now = links.indexOf(document.activeElement?.closest?.(".lane")?.querySelector(".open"));
  links[Math.min(links.length - 1, Math.max(0, now < 0 ? 0 : now + by))]?.focus();
}

export function help() {
  const box = h("input", {type: "checkbox", id: "keys-on", on: {change: () => kept("keys", box.checked ? "on" : "off")}});
  box.checked = !off();
  ask("Help", [
    h("p", "Everything here comes from signed facts on the issues, from telemetry or from a measurement; what is not known says so. Times are UTC."),
    h("dl.keys", Object.entries(KEYS).map(([key, [text]]) => [h("dt", h("kbd", key)), h("dd", text)])),
    h("p", box, " ", h("label", {for: "keys-on"}, "Single keys do this"))]);
}

export function buildKeys(theme) {
  KEYS.t[1] = theme;
  $("help").addEventListener("click", help);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("dialog").open || off()) return;
    if (event.target.closest?.("input:not([type=range]), select, textarea")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const does = KEYS[event.key]?.[1];
    if (!does) return;
    event.preventDefault();
    does();
  });
}
