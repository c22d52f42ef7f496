// One incident: what was found, what blocks, what was done, each a click from its evidence.

import {h, $, fill, keyed, meter, out, set, press} from "./dom.js";
import {asks} from "./model.js";
import {drawTrack, severity, status, track} from "./lanes.js";
import {about} from "./feed.js";
import {buttons} from "./commands.js";
import {show} from "./waterfall.js";
import {go} from "./route.js";
import {clock, moment, percent} from "./words.js";

let page = null;
const SIGN = new Map([[true, ["✓", "holds"]], [false, ["✕", "fails"]], [null, ["?", "unknown"]]]);

/** A section that is built anew only when what it shows has changed. */
function part(title, {fold = false} = {}) {
  const body = h("div.body"), sum = h("span.quiet");
  const head = h("h3", title, " ", sum);
  const box = fold ? h("details", {class: "panel part"}, h("summary", head), body) : h("section", {class: "panel part"}, head, body);
  return {box, draw(value, shape, summary = "") {
    box.hidden = value === null || value === undefined || (Array.isArray(value) && !value.length);
    fill(sum, summary);
    const now = JSON.stringify(value ?? null);
    if (box.hidden || box.shape === now) return;
    box.shape = now;
    fill(body, shape(value));
  }};
}

function build(number) {
  const at = {number, title: h("h2", {id: "incident-heading", tabindex: "-1"}), meta: h("p", {class: "quiet meta"}), links: h("p.links"),
    summary: h("p.summary"), next: h("p.waiting"), say: h("div.say"), note: h("p.quiet"), problem: h("p.problem"), waterfall: h("div.trace"), log: h("ol.log", {"data-what": "facts"})};
  at.track = track();
  at.head = h("div", {class: "panel head"}, at.title, at.meta, at.summary, at.track, h("div.next", at.next, at.say), at.note, at.links, at.problem);
  const parts = {why: part("Why, or why not"), cause: part("Cause"), evidence: part("Evidence"), trace: part("Trace"), pulls: part("Pull requests"), facts: part("The log"), thoughts: part("Thoughts and actions"), words: part("People"), rejected: part("Not counted", {fold: true})};
  fill($("incident"), h("p.back", h("a", {href: "#/"}, "← All incidents")), at.head,
    h("div.parts", [["why", "cause", "facts", "words"], ["evidence", "trace", "pulls", "thoughts", "rejected"]].map((names) => h("div.column", names.map((name) => parts[name].box)))));
  return {...at, parts};
}

const predicate = ({name, ok, detail}) => {const [sign, word] = SIGN.get(ok) ?? SIGN.get(null);
  return h("li", {"data-ok": String(ok)}, h("span.sign", {"aria-hidden": "true"}, sign), h("b", name.replace(/_/g, " ")), h("span.unseen", ` ${word}: `), h("span.quiet", detail));};

const why = ({ruling, expires_at: until, predicates}) => {
  const blocks = predicates.filter((one) => one.ok !== true), holds = predicates.filter((one) => one.ok === true);
  return [h("p", "Guardrail ruled ", h("strong", ruling.replace(/-/g, " ")), until ? h("span.quiet", `, valid until ${clock(until)} UTC`) : null),
    blocks.length ? h("ul.rules", blocks.map(predicate)) : h("p.quiet", "No rule stands against it."),
    h("details", {open: !blocks.length}, h("summary", `${holds.length} of ${predicates.length} rules hold`), h("ul.rules", holds.map(predicate)))];
};

const cause = ({cause: said, hypotheses}) => [
  said ? h("p.root", h("strong", said.text), " ", h("span.quiet", `confidence ${percent(said.confidence, 0)}`)) : null,
  h("ol.guesses", hypotheses.map((one) => {
    return h("li", h("span", one.text), h("b", percent(one.probability, 0)), meter(one.probability),
      h("span.quiet", one.id, " · ", one.evidence.length ? one.evidence.map((id) => [press("cite", () => cite(id), id), " "]) : "no evidence"));
  }))];

function cite(id) {
  const row = document.getElementById(`evidence-${CSS.escape(id)}`) ?? [...document.querySelectorAll(".exhibits > li")].find((one) => one.dataset.id === id);
  row?.focus();
  row?.scrollIntoView({block: "nearest"});
}

const evidence = (list) => h("ul.exhibits", list.map((one) => h("li", {tabindex: "-1", "data-id": one.id},
  h("code", one.id), h("span.quiet", one.source), h("p", one.summary),
  h("span.links", one.trace_id ? press("tool small", () => trace(one.trace_id, true), "Show trace") : null,
    one.url ? out(one.url, one.trace_id ? "Jaeger" : "Source") : null, one.sha256 ? h("code.quiet", {title: one.sha256}, `sha256 ${one.sha256.slice(0, 10)}`) : null))));

function trace(id, jump) {
  page.parts.trace.draw({id}, () => page.waterfall);
  show(page.waterfall, id);
  if (jump) page.parts.trace.box.scrollIntoView({block: "nearest"});
}

const pulls = (list) => h("ul.exhibits", list.map((one) => h("li", out(one.url, `Pull request ${one.number}`), " ", h("span.flag", one.state), h("ul.rules", one.checks.map(predicate)))));

const fact = (fact) => h("li", {"data-kind": fact.kind}, h("div", h("time", {datetime: fact.at, title: fact.at}, clock(fact.at)), h("b", fact.by), h("p", fact.headline)),
  fact.lines.length ? h("details", h("summary", "Details"), h("ul", fact.lines.map((line) => h("li", line)))) : null,
  h("span.links", out(fact.url, "Comment"), press("cite", () => go({at: fact.posted_at ?? fact.at}), "Show this moment")));

const words = (list) => h("ul.exhibits", list.map((one) => h("li", h("b", one.login), " ", h("time.quiet", {datetime: one.at}, clock(one.at)), h("p", one.text))));
const rejected = (list) => [h("p.quiet", "On the issue, and not a fact:"), h("ul.exhibits", list.map((one) => h("li", h("p", one.reason), out(one.comment_url, "Comment"))))];
const thoughts = (list) => h("ol.log", list.map((one) => h("li", {"data-act": one.act}, h("div", h("time", {datetime: one.at}, clock(one.at)), h("b", one.agent), h("p", one.text)))));

/** Draws incident `number`: the card from the model at once, the rest from `detail` when that has come. */
export function drawIncident(model, context, number, {detail, problem}) {
  if (page?.number !== number) page = build(number);
  const card = model.incidents.get(number) ?? detail?.card;
  fill(page.problem, problem ?? "");
  page.problem.hidden = !problem;
  if (!card) {fill(page.title, `#${number}`); if (!problem) fill(page.meta, "Reading…"); return;}
  const shape = JSON.stringify([card, model.live]);
  if (page.shape !== shape) {
    page.shape = shape;
    set(page.head, "data-state", asks(card) ? "asks" : "open");
    fill(page.title, h("span.number", `#${number}`), " ", h("span", card.service), " ", h("span.symptom", card.symptom));
    fill(page.meta, h("span.status", {"data-status": card.status}, status(card)), " ", severity(card), card.held ? h("span.flag", "held") : null, " since ", moment(card.since ?? card.opened_at, model.now()), " ", h("time", {datetime: card.opened_at, "data-ago": card.opened_at}), card.recurrence ? `, recurrence ${card.recurrence}` : "");
    fill(page.summary, card.summary);
    fill(page.next, card.closed ? "Over." : card.waiting ? `Next: ${card.waiting}` : "");
    fill(page.note, card.whole ? "" : "The log of this issue has a gap or an edit: what follows may not be the whole story.");
    fill(page.links, out(card.url, "Open the issue"), card.action ? h("span.quiet", " proposed: ", h("code", card.action.text)) : null);
    drawTrack(page.track, card);
  }
  buttons(page.say, card, card.can, context);
  const p = page.parts, said = about(model, number);
  p.thoughts.draw(said, thoughts);
  if (!detail) return;
  const first = detail.evidence.find((one) => one.trace_id)?.trace_id;
  p.why.draw(detail.why_not, why);
  p.cause.draw(card.cause || detail.hypotheses.length ? {cause: card.cause, hypotheses: detail.hypotheses} : null, cause);
  p.evidence.draw(detail.evidence, evidence);
  if (first && !page.waterfall.trace) trace(first, false);
  if (!page.waterfall.trace && !first) p.trace.box.hidden = true;
  p.pulls.draw(detail.pulls, pulls);
  keyed(page.log, detail.facts, {key: (one) => one.seq, make: fact, draw() {}});
  p.facts.draw(detail.facts.length ? 1 : null, () => page.log);
  p.words.draw(detail.words, words);
  p.rejected.draw(detail.rejected, rejected, String(detail.rejected.length));
}

export const closePage = () => {page = null; fill($("incident"));};
