// The strip on top: the conversion rate, and whether anybody is needed.

import {h, $, fill, set} from "./dom.js";
import {Chart, share} from "./charts.js";
import {conversion} from "./series.js";
import {asks} from "./model.js";
import {UNKNOWN, count, known, percent, plural, span} from "./words.js";

const WINDOW = 60;
let parts = null;

function build() {
  const value = h("p.figure"), note = h("p.quiet"), chart = new Chart("plot", "Conversion", share, ([, shares], n) => `${percent(shares[n])} in 30 s`);
  const rate = h("section", {class: "panel rate", "aria-labelledby": "rate-heading"},
    h("div", h("h2", {id: "rate-heading"}, "Conversion"), value, note), chart.host);
  const tile = (name, to) => {
    const number = h("dd.figure"), note = h("dd.quiet");
    const box = h("div.tile", h("dt", to ? h("a", {href: to}, name) : name), number, note);
    return {box, number, note};
  };
  const tiles = {open: tile("Open"), asks: tile("Waiting for a person"), closed: tile("Closed in 24 h"), mttr: tile("Time to recover, today")};
  $("now").append(rate, h("dl", {class: "panel tiles"}, Object.values(tiles).map((one) => one.box)));
  return {value, note, tiles, chart};
}

const put = (tile, text, note, state) => {
  fill(tile.number, text);
  fill(tile.note, note);
  set(tile.box, "data-state", text === UNKNOWN ? "unknown" : state);
};

export function drawRate(model, {stale}) {
  parts ??= build();
  const series = model.business, {value, note, chart} = parts;
  const asked = series?.last("requested", WINDOW), bought = series?.last("purchased", WINDOW);
  const none = !asked?.known || !model.live;
  fill(value, none ? UNKNOWN : asked.sum === 0 ? "no requests" : percent(Math.min(1, bought.sum / asked.sum)));
  set(value, "data-state", none ? "unknown" : stale ? "stale" : null);
  const seconds = asked?.known < WINDOW ? ` (${plural(asked.known, "second")} heard)` : "";
  fill(note, none ? (model.live ? "nothing heard on business.events" : "not kept for past moments")
    : `${count(bought.sum)} bought of ${count(asked.sum)} asked, last ${WINDOW} s${seconds}`);
  const shares = none ? [] : conversion(series);
  chart.host.hidden = !shares.some((x) => x !== null);
  chart.draw([none ? [] : series.seconds(), shares]);
}

export function drawTiles(model) {
  parts ??= build();
  const {tiles} = parts, cards = [...model.incidents.values()], open = cards.filter((card) => !card.closed);
  if (!model.board) return;
  const waiting = open.filter(asks);
  put(tiles.open, count(open.length), open.length ? `${count(open.filter((c) => c.severity === "critical").length)} critical` : "nothing is wrong that is known", open.length ? "open" : null);
  put(tiles.asks, count(waiting.length), waiting.length ? waiting.slice(0, 3).map((c) => `#${c.number}`).join(" ") : "nobody is asked", waiting.length ? "asks" : null);
  put(tiles.closed, count(cards.length - open.length), "", null);
  const day = model.board.mttr?.days?.at(-1);
  const is = known(day?.mttr_s);
  put(tiles.mttr, is ? span(day.mttr_s) : day && !day.closed ? "none closed" : UNKNOWN, is ? `mean of ${plural(day.closed, "incident")}` : "", null);
}
