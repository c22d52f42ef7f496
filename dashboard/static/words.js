// Numbers and times in words. What is not known is "unknown", never 0.

export const SOURCES = {github: "GitHub", kafka: "Kafka", traces: "Traces"};
export const UNKNOWN = "unknown";
export const known = (value) => typeof value === "number" && Number.isFinite(value);
const number = (value, digits) => value.toLocaleString("en", {minimumFractionDigits: digits, maximumFractionDigits: digits});

export const count = (value) => (known(value) ? number(value, 0) : UNKNOWN);
export const percent = (share, digits = 1) => (known(share) ? `${number(100 * share, digits)} %` : UNKNOWN);
export const rate = (value) => (known(value) ? `${number(value, 1)}/s` : UNKNOWN);

export function millis(value) {
  if (!known(value)) return UNKNOWN;
  return value >= 1000 ? `${number(value / 1000, 2)} s` : `${number(value, value < 10 ? 1 : 0)} ms`;
}

/** A duration in seconds: "0.4 s", "42 s", "3 min 05 s", "2 h 10 min", "3 d". */
export function span(seconds) {
  if (!known(seconds)) return UNKNOWN;
  const s = Math.max(0, seconds), whole = Math.floor(s), two = (n) => String(n).padStart(2, "0");
  if (s < 1 && Number.isInteger(s)) return "< 1 s";
  if (s < 10) return `${number(s, Number.isInteger(s) ? 0 : 1)} s`;
  if (s < 60) return `${whole} s`;
  if (s < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (s < 86400) return `${Math.floor(whole / 3600)} h ${two(Math.floor(whole / 60) % 60)} min`;
  return `${Math.floor(whole / 86400)} d`;
}

export function ago(seconds) {
  if (!known(seconds)) return UNKNOWN;
  if (seconds < 1.5) return "now";
  const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([size]) => seconds >= size);
  return `${Math.floor(seconds / size)} ${unit} ago`;
}

export const clock = (at) => (at && !Number.isNaN(Date.parse(at)) ? new Date(at).toISOString().slice(11, 19) : UNKNOWN);
/** "2026-11-22 12:03:11 UTC", the date left out on the day of `now`. */
export function moment(at, now) {
  if (!at || Number.isNaN(Date.parse(at))) return UNKNOWN;
  const day = new Date(at).toISOString().slice(0, 10), today = new Date(now).toISOString().slice(0, 10);
  return `${day === today ? "" : `${day} `}${clock(at)} UTC`;
}
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
