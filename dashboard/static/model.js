// What is known about one moment: a board, and the events after it.

import {Series} from "./series.js";

export const BUSINESS = ["requested", "purchased", "refused"];
export const VITALS = ["p50_ms", "rate", "errors"];
const MOST = {thoughts: 100, letters: 20};
export const EVERYTHING = ["incidents", "services", "business", "fleet", "sources", "switch", "feed", "letters", "budgets", "trust", "mttr", "at"];

let entries = 0; // over all models: a key names one entry on the page

export class Model {
  constructor() {
    this.board = null;
    this.skew = 0; // what this machine's clock is ahead of the server's, ms
    this.incidents = new Map();
    this.services = new Map();
    this.beats = new Map();
    this.business = null;
    this.feed = []; // newest first: {key, at, incident, agent, text, act}
    this.letters = [];
  }

  get live() {return this.board?.live !== false;}
  /** Milliseconds since 1970 by the server's clock; for a past board the moment it shows. */
  now() {return this.live ? Date.now() - this.skew : Date.parse(this.board.at);}

  load(board) {
    this.board = board;
    if (board.live !== false) this.skew = Date.now() - Date.parse(board.at);
    this.incidents = new Map(board.incidents.map((card) => [card.number, card]));
    this.services = new Map(board.services.map((one) => [one.name, {...one, series: one.series && new Series(VITALS, one.series)}]));
    this.beats = new Map(board.fleet.map((beat) => [beat.agent, beat]));
    this.business = board.business ? new Series(BUSINESS, board.business) : null;
    const acts = board.incidents.flatMap((card) => card.stages.filter(over).map((stage) => this.act(card, stage)));
    const thoughts = board.thoughts.map((thought) => this.entry(thought));
    this.feed = [...thoughts, ...acts].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0)).slice(0, MOST.thoughts);
    this.letters = board.letters.slice(0, MOST.letters);
    return EVERYTHING;
  }

  /** Takes only what no event brings, lets go of what is over. */
  refresh(board) {
    if (!this.board) return this.load(board);
    for (const part of ["budgets", "trust", "mttr", "counts", "log_from"]) this.board[part] = board[part];
    const kept = new Set(board.incidents.map((card) => card.number));
    for (const [number, card] of this.incidents) if (card.closed && !kept.has(number)) this.incidents.delete(number);
    for (const name of this.services.keys()) if (!board.services.some((one) => one.name === name)) this.services.delete(name);
    return ["budgets", "trust", "mttr", "at", "incidents", "services"];
  }

  entry(thought, act = false) {return {...thought, act, key: entries++};}
  act(card, {stage, state, at, by, note}) {
    return this.entry({at, incident: card.number, agent: by ?? "", text: `${stage} ${state}${note ? `: ${note}` : ""}`}, true);
  }

  apply(kind, data) {
    if (kind === "board") return this.load(data);
    if (!this.board) return [];
    return this[`on_${kind}`]?.(data) ?? [];
  }

  on_incident(card) {
    const before = this.incidents.get(card.number);
    this.incidents.set(card.number, card);
    for (const stage of card.stages) {
      const was = before?.stages.find((one) => one.stage === stage.stage);
      if (over(stage) && (was?.state !== stage.state || was.at !== stage.at)) this.add(this.act(card, stage));
    }
    const first = !this.board.log_from;
    this.board.log_from ||= card.opened_at;
    return first ? ["incidents", "feed", "at"] : ["incidents", "feed"];
  }

  on_thought(thought) {this.add(this.entry(thought)); return ["feed"];}

  add(entry) {
    const place = this.feed.findIndex((one) => one.at <= entry.at);
    this.feed.splice(place < 0 ? this.feed.length : place, 0, entry);
    if (this.feed.length > MOST.thoughts) this.feed.length = MOST.thoughts;
  }

  on_vitals({at, services}) {
    for (const vital of services) {
      const one = this.services.get(vital.service) ?? {name: vital.service, series: null};
      one.series ??= new Series(VITALS, null);
      one.series.put(at, vital);
      this.services.set(vital.service, {...one, health: vital.health, detail: vital.detail, at, newest: vital});
    }
    return ["services"];
  }

  on_business(counts) {
    this.business ??= new Series(BUSINESS, null);
    this.business.put(counts.at, counts);
    return ["business"];
  }

  on_beat(beat) {this.beats.set(beat.agent, {...beat, age_s: null}); return ["fleet"];}
  on_switch(state) {this.board.switch = state; return ["switch"];}
  on_sources(sources) {this.board.sources = sources; return ["sources"];}
  on_letter(letter) {this.letters = [letter, ...this.letters].slice(0, MOST.letters); return ["letters"];}
}

const over = ({state, at}) => at && (state === "done" || state === "failed");
const PERSON = new Set(["Needs-Approval", "Needs-Human"]);
export const asks = (card) => !card.closed && PERSON.has(card.status);

/** Those that ask for a person, the other open ones, the closed; the newest first in each. */
export function ordered(cards) {
  const group = (card) => (card.closed ? 2 : asks(card) ? 0 : 1);
  const time = (card) => (card.closed ? card.updated_at : card.opened_at) ?? "";
  return [...cards].sort((a, b) => group(a) - group(b) || (time(a) < time(b) ? 1 : time(a) > time(b) ? -1 : b.number - a.number));
}
