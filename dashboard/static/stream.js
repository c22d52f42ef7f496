// Server-sent events by fetch: unlike EventSource this notices when the heartbeat comments cease.

const SILENCE_MS = 25_000; // the server says something every 10 s
const FIRST_MS = 400, LONGEST_MS = 10_000;

/** Text → {id, event, data}; https://html.spec.whatwg.org/#parsing-an-event-stream */
export class Reader {
  #rest = ""; #lines = []; #id = null;

  *feed(text) {
    const lines = (this.#rest + text).split(/\r?\n/);
    this.#rest = lines.pop();
    for (const line of lines) {
      if (line !== "") this.#lines.push(line);
      else if (this.#lines.length) {const read = this.#event(); this.#lines = []; if (read) yield read;}
    }
  }

  #event() {
    const read = {event: "message"}, data = [];
    for (const line of this.#lines) {
      const [, name, value] = /^([^:]*):? ?([^]*)$/.exec(line);
      if (name === "data") data.push(value);
      else if (name === "event") read.event = value;
      else if (name === "id") this.#id = value;
    }
    return data.length ? {id: this.#id, ...read, data: data.join("\n")} : null;
  }
}

const split = (id) => {const at = (id ?? "").lastIndexOf("-"); return [id?.slice(0, at), Number(id?.slice(at + 1))];};

export class Stream {
  /** `hear(kind, data, id)` for each event once; `link(state)` with "connecting", "live" or "away". */
  constructor(url, hear, link) {
    Object.assign(this, {url, hear, link, last: null, tries: 0, heard: 0});
    addEventListener("online", () => this.hurry?.());
    document.addEventListener("visibilitychange", () => {if (!document.hidden) this.hurry?.();});
  }

  async run() {
    for (;;) {
      const control = new AbortController();
      const watch = setInterval(() => {if (performance.now() - this.heard > SILENCE_MS) control.abort();}, 1000);
      this.heard = performance.now();
      try {await this.#listen(control.signal);}
      catch {/* away, and again in a moment */}
      clearInterval(watch);
      this.link("away");
      const pause = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.tries++) * (0.75 + Math.random() / 2);
      await new Promise((go) => {const timer = setTimeout(go, pause); this.hurry = () => {clearTimeout(timer); go();};});
      this.hurry = null;
    }
  }

  async #listen(signal) {
    const after = this.last ? `?after=${encodeURIComponent(this.last)}` : "";
    const answer = await fetch(this.url + after, {signal, cache: "no-store", headers: {Accept: "text/event-stream"}});
    if (!answer.ok) return;
    const reader = new Reader(), decoder = new TextDecoder(), bytes = answer.body.getReader();
    for (;;) {
      const {done, value} = await bytes.read();
      if (done) return;
      this.heard = performance.now();
      this.tries = 0;
      this.link("live");
      for (const read of reader.feed(decoder.decode(value, {stream: true}))) this.#take(read);
    }
  }

  /** An event that was heard before is dropped; one that left a hole asks for a whole board. */
  #take({id, event, data}) {
    const [boot, seq] = split(id), [was, last] = split(this.last);
    const follows = boot === was && Number.isInteger(seq) && Number.isInteger(last);
    if (event !== "board" && follows) {
      if (seq <= last) return;
      if (seq > last + 1) this.hole?.();
    }
    if (id) this.last = id;
    queueMicrotask(() => this.hear(event, JSON.parse(data), id)); // its failure is not the stream's
  }
}
