// Any past moment, rebuilt from the log. At its right end the slider is live.

import {$, fill, set} from "./dom.js";
import {go} from "./route.js";
import {ago, moment} from "./words.js";

const iso = (second) => new Date(second * 1000).toISOString();
let shown = {at: null, from: null, to: 0}, marks = [];

/** `at` null is live. The bounds are whole seconds of the server's clock. */
export function drawSlider(live, at, waiting) {
  const board = live.board;
  if (!board) return;
  const to = Math.floor(live.now() / 1000), from = board.log_from ? Math.floor(Date.parse(board.log_from) / 1000) : null, slider = $("at");
  const second = at ? Math.floor(Date.parse(at) / 1000) : to;
  shown = {at: at ? second : null, from, to};
  for (const id of ["at", "earlier", "later"]) $(id).disabled = from === null || (id === "later" && !at);
  if (from !== null) {
    set(slider, "min", from);
    set(slider, "max", to);
    if (document.activeElement !== slider || slider.value !== String(second)) slider.value = second;
  }
  const age = ago((live.now() - Date.parse(at)) / 1000);
  const said = at ? `Past: ${moment(at, live.now())}` : "Live";
  set(slider, "aria-valuetext", at ? `${said}, ${age}` : said);
  fill($("when"), said);
  fill($("when-age"), waiting ? "reading the log…" : at ? age : from === null ? "no log yet" : moment(iso(to), live.now()));
  $("live").hidden = !at;
  drawMarks(live, from, to);
}

/** A tick for each incident that began in the time the slider spans. */
function drawMarks(live, from, to) {
  const canvas = $("marks"), width = canvas.clientWidth, next = [...live.incidents.values()].map((card) => Date.parse(card.opened_at) / 1000);
  const shape = `${width} ${from} ${Math.floor(to / 30)} ${next.length}`;
  if (marks.shape === shape || from === null || to <= from || !width) return;
  marks = Object.assign(next, {shape});
  const scale = devicePixelRatio, height = canvas.clientHeight;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.fillStyle = getComputedStyle(canvas).color;
  for (const second of marks) pen.fillRect(8 + ((width - 16) * (second - from)) / (to - from), 0, 1.5, height);
}

export const step = (seconds) => {
  if (shown.from === null) return;
  const second = Math.max(shown.from, (shown.at ?? shown.to) + seconds);
  go({at: second >= shown.to ? null : iso(second)});
};

export const toLive = () => go({at: null});

export function buildSlider() {
  let timer = 0;
  $("at").addEventListener("input", () => {
    clearTimeout(timer);
    const second = Number($("at").value);
    fill($("when"), second >= shown.to ? "Live" : `Past: ${moment(iso(second), shown.to * 1000)}`);
    timer = setTimeout(() => go({at: second >= shown.to ? null : iso(second)}, {replace: true}), 120);
  });
  $("earlier").addEventListener("click", () => step(-60));
  $("later").addEventListener("click", () => step(60));
  $("live").addEventListener("click", toLive);
}
