// The patients: what Scout's arithmetic sees of each, newest second on the right.

import {h, $, fill, keyed, set} from "./dom.js";
import {Chart, vitals} from "./charts.js";
import {ago, millis, percent, rate} from "./words.js";

const OLD_S = 15; // telemetry comes once a second; what is older is no longer known
const WORDS = {ok: "healthy", bad: "unwell"};

function make({name}) {
  const health = h("span.health"), detail = h("p", {class: "quiet detail"});
  const figures = ["p50", "rate", "errors"].map((label) => {
    const value = h("dd");
    return {value, box: h("div", h("dt", label), value)};
  });
  const chart = new Chart("spark", name, vitals, ([, errors, p50], n) => `p50 ${millis(p50[n])}, errors ${percent(errors[n])}`);
  const row = h("li.service", h("h3", name), health, chart.host, h("dl", figures.map((one) => one.box)), detail);
  row.parts = {health, detail, figures: figures.map((one) => one.value), chart};
  return row;
}

function draw(row, one, model, stale) {
  const {health, detail, figures, chart} = row.parts;
  const age = (model.now() - Date.parse(one.at)) / 1000, old = stale || !(age < OLD_S);
  const known = one.health in WORDS && (!old || !model.live);
  set(row, "data-health", known ? one.health : "unknown");
  fill(health, known ? WORDS[one.health] : "unknown");
  const was = !known && one.at && one.health in WORDS ? `was ${WORDS[one.health]} ${ago(age)}` : "";
  fill(detail, was || one.detail || "");
  const series = one.series, last = (name) => (!known || !series ? null : one.newest ? one.newest[name] : series.values[name].at(-1));
  fill(figures[0], millis(last("p50_ms")));
  fill(figures[1], rate(last("rate")));
  fill(figures[2], percent(last("errors")));
  chart.host.hidden = !series?.values.p50_ms.some((x) => x !== null);
  chart.draw(series ? [series.seconds(), series.values.errors, series.values.p50_ms] : [[], [], []]);
}

export function drawServices(model, {stale}) {
  const all = [...model.services.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  keyed($("services"), all, {key: (one) => one.name, make, draw: (row, one) => draw(row, one, model, stale)});
  set($("services"), "data-empty", all.length ? null : model.board ? "No service is known yet." : "");
}

