// Charts on a canvas by uPlot, in the colours of the style sheet; pointer and arrow keys read a value out.

import {h, fill, root, set} from "./dom.js";
import {clock} from "./words.js";

const STEPS = {ArrowLeft: -1, ArrowRight: 1, PageDown: -60, PageUp: 60, Home: -1e9, End: 1e9};

const charts = new Set();
// A canvas knows no light-dark().
function colour(name) {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export class Chart {
  /** `host`, an element of class `kind`, gives the size, `shape(colour, font)` the other options; `tell(data, n)`: row `n` in words. */
  constructor(kind, label, shape, tell) {
    const on = {
      focus: () => this.host.matches(":focus-visible") && this.point(Infinity),
      blur: () => this.point(null),
      mousemove: () => {this.at = null; this.read(this.plot);},
      keydown: (event) => {
        const by = STEPS[event.key];
        if (by) {event.preventDefault(); this.point((this.plot.cursor.idx ?? 1e9) + by);}
      },
    };
    const tip = h("span.tip"), host = h("div", {class: kind, on, tabindex: 0, role: "slider", "aria-label": `${label}, last 10 minutes`}, tip);
    Object.assign(this, {host, tip, shape, tell});
    charts.add(this);
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(host);
  }

  size() {return {width: Math.max(10, this.host.clientWidth), height: Math.max(10, this.host.clientHeight)};}

  draw(data) {
    this.data = data;
    if (!this.plot) this.build();
    else this.plot.setData(data);
    set(this.host, "aria-valuemax", data[0].length);
    if (this.at) this.point(this.plot.valToIdx(this.at));
    else this.read(this.plot);
  }

  /** Holds on to row `n`, or the nearest there is, while newer ones come; null lets go. */
  point(n) {
    const times = this.data[0];
    this.at = n === null ? null : times[Math.max(0, Math.min(times.length - 1, n))];
    this.plot.setCursor({left: this.at ? this.plot.valToPos(this.at, "x") : -10, top: 0}, true);
  }

  read({cursor: {left, idx}, data, over}) {
    const times = data[0], n = this.at ? times.indexOf(this.at) : left < 0 ? -1 : idx, at = times[n];
    fill(this.tip, at ? `${clock(new Date(at * 1e3))} UTC: ${this.tell(data, n)}` : "");
    const x = over.offsetLeft + left, width = this.host.clientWidth;
    this.tip.style.translate = x > width / 2 ? `max(0px,${x - 6}px - 100%)` : `min(${x + 6}px,${width}px - 100%)`;
    set(this.host, "aria-valuenow", at ? n + 1 : times.length);
    set(this.host, "aria-valuetext", at ? this.tip.textContent : null);
  }

  build() {
    this.plot?.destroy();
    const font = `${parseFloat(getComputedStyle(root).fontSize) * 0.7}px system-ui, sans-serif`;
    this.plot = new uPlot({...this.size(), ...this.shape(colour, font), hooks: {setCursor: [(u) => this.read(u)]}}, this.data, this.host);
  }
}

export function recolour() {for (const chart of charts) if (chart.data) chart.build();}

const bare = {
  cursor: {y: false, drag: {x: false}, points: {size: 7}}, legend: {show: false}, padding: [2, 0, 2, 0], pxAlign: 0,
  tzDate: (s) => uPlot.tzDate(new Date(s * 1e3), "Etc/UTC"),
};
// Vitals look back 5 s.
const gaps = (u, _, __, ___, all) => all.filter(([a, b]) => b - a > u.valToPos(4, "x", true) - u.valToPos(0, "x", true));
const zero = (_, __, most) => [0, most > 0 ? most * 1.15 : 1];

/** Milliseconds as a line, the share of errors as a red field below it. */
export const vitals = (colour) => ({
  ...bare,
  axes: [{show: false}, {show: false}],
  scales: {x: {time: true}, y: {range: zero}, share: {range: [0, 1]}},
  series: [{},
    {gaps, scale: "share", stroke: colour("--bad"), fill: colour("--bad-fill"), width: 1, points: {show: false}},
    {gaps, stroke: colour("--accent"), width: 1.5, points: {show: false}}],
});

/** A share of 0 to 1 over time, with axes. */
export const share = (colour, font) => {
  const axis = {stroke: colour("--quiet"), font, ticks: {show: false}, grid: {stroke: colour("--hair"), width: 1}};
  return {
    ...bare, padding: [8, 18, 0, 0],
    axes: [{...axis, size: 22, space: 90, incrs: [60, 120, 300], grid: {show: false}, values: (u, v) => v.map((s) => s > u.scales.x.max ? "" : clock(new Date(s * 1e3)).slice(0, 5))},
      {...axis, size: 44, splits: () => [0, 0.5, 1], values: (_, v) => v.map((x) => `${100 * x} %`)}],
    scales: {x: {time: true}, y: {range: [0, 1.02]}},
    series: [{}, {stroke: colour("--accent"), fill: colour("--line-fill"), width: 2, points: {show: false}}],
  };
};
