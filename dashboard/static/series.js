// Ten minutes of one value a second. A second of which nothing was heard is null: a hole in the line, not a zero.

export const LENGTH = 600;

export class Series {
  /** `given` as the board has it, or null. */
  constructor(names, given) {
    this.names = names;
    this.from = given ? Math.floor(Date.parse(given.from) / 1000) : null;
    this.values = Object.fromEntries(names.map((name) => [name, given ? [...(given[name] ?? [])].slice(-LENGTH) : []]));
    const most = given ? Math.max(...names.map((name) => given[name]?.length ?? 0)) : 0;
    if (most > LENGTH) this.from += most - LENGTH;
  }

  get length() {return this.values[this.names[0]].length;}

  /** Puts the values of the second `at`; the same second twice: the later counts. */
  put(at, values) {
    const second = Math.floor(Date.parse(at) / 1000);
    if (Number.isNaN(second)) return;
    if (this.from === null || second - this.from > 2 * LENGTH) {
      this.from = second;
      for (const name of this.names) this.values[name] = [];
    }
    const place = second - this.from;
    if (place < 0) return;
    for (const name of this.names) {
      const row = this.values[name];
      while (row.length < place) row.push(null);
      row[place] = values[name] ?? null;
    }
    const over = this.length - LENGTH;
    if (over > 0) {
      for (const name of this.names) this.values[name].splice(0, over);
      this.from += over;
    }
  }

  seconds() {return Array.from({length: this.length}, (_, n) => this.from + n);}

  /** The sum over the last `n` seconds up to the newest, and how many of them are known. */
  last(name, n) {
    const heard = this.values[name].slice(-n).filter((x) => x !== null);
    return {sum: heard.reduce((a, b) => a + b, 0), known: heard.length};
  }
}

const FEW = 4; // fewer requests in the window make no rate

/** For each second the share purchased/requested over the `window` seconds up to it; null where too few asked. */
export function conversion(series, window = 30) {
  const {requested, purchased} = series.values, shares = [];
  let asked = 0, bought = 0;
  for (let n = 0; n < requested.length; n++) {
    asked += requested[n] ?? 0;
    bought += purchased[n] ?? 0;
    if (n >= window) {asked -= requested[n - window] ?? 0; bought -= purchased[n - window] ?? 0;}
    shares.push(requested[n] === null || asked < FEW ? null : Math.min(1, bought / asked));
  }
  return shares;
}
