// Puts it together: the stream fills the model, changes are drawn in the next frame, the address says what.

import {$, fill, kept, set, root} from "./dom.js";
import * as api from "./api.js";
import {EVERYTHING, Model} from "./model.js";
import {Stream} from "./stream.js";
import {go, read, takeToken} from "./route.js";
import {again, begin} from "./session.js";
import {drawRate, drawTiles} from "./now.js";
import {drawServices} from "./services.js";
import {drawBudgets, drawFleet, drawHistory, drawLetters, drawSources, drawTrust} from "./fleet.js";
import {buildChips, drawLanes} from "./lanes.js";
import {buildFeed, drawFeed} from "./feed.js";
import {closePage, drawIncident} from "./incident.js";
import {buildSlider, drawSlider} from "./slider.js";
import {buildSwitch, drawSwitch, frozen} from "./switch.js";
import {drawBanners, drawLink} from "./banners.js";
import {announce, tell} from "./announce.js";
import {buildKeys} from "./keys.js";
import {recolour} from "./charts.js";
import {notice} from "./dialogs.js";
import {ago} from "./words.js";

const token = takeToken();
const live = new Model(), GRACE_MS = 4000, FRESH_MS = 60_000;
const state = {link: {state: "connecting", since: Date.now(), heard: Date.now()}, past: null, at: null, reading: false, detail: {}, incident: null, seen: ""};
const shown = () => state.past ?? live;
const away = () => state.link.state !== "live" && Date.now() - state.link.since > GRACE_MS;
const context = {changed: () => touch("context"), get past() {return Boolean(state.at);}, get away() {return away();}, get stale() {return !state.at && away();}, does: (word) => live.board?.commands[word] ?? {permission: "write"}, redraw: false};

const dirty = new Set();
let frame = 0;
function touch(...parts) {
  for (const part of parts) dirty.add(part);
  frame ||= requestAnimationFrame(draw);
}

const DRAW = [[drawRate, "business", "context"], [drawTiles, "incidents", "mttr"], [drawServices, "services", "context"], [drawFleet, "fleet", "context"],
  [drawSources, "sources"], [drawBudgets, "budgets"], [drawTrust, "trust"], [drawHistory, "mttr"], [drawLetters, "letters"], [drawLanes, "incidents", "context"],
  [drawFeed, "feed", "context"], [drawSwitch, "switch", "context"]];

function draw() {
  frame = 0;
  const model = shown(), has = (...parts) => parts.some((part) => dirty.has(part));
  context.redraw = has("context");
  for (const [part, ...changed] of DRAW) if (has(...changed)) part(model, context);
  if (state.incident && has("incidents", "context", "detail", "feed")) drawIncident(model, context, state.incident, state.detail);
  if (has("at", "context")) {drawSlider(live, state.at, state.reading); fill($("repo"), live.board?.repo ?? ""); if (live.board && /^https?:/.test(live.board.issues_url)) set($("repo"), "href", live.board.issues_url);}
  drawBanners(model, live, {link: state.link, past: state.at, reading: !state.past, stale: away()});
  drawLink(live, {link: state.link, past: state.at, stale: away()});
  if (has("at", "context", "detail") || document.querySelector("time[data-ago]:empty")) times(model);
  dirty.clear();
  set(document.querySelector("meta[name=seen]"), "content", state.seen);
}

function times(model) {
  const now = model.now();
  for (const time of document.querySelectorAll("time[data-ago]")) {
    fill(time, ago((now - Date.parse(time.dataset.ago)) / 1000));
    set(time, "title", time.dataset.ago);
  }
}

function hear(kind, data, id) {
  const before = kind === "incident" ? live.incidents.get(data.number) : null, was = frozen(live);
  const parts = live.apply(kind, data);
  state.seen = id ?? state.seen;
  if (kind === "board") {if (!state.at) parts.push("context"); refreshDetail();}
  if (kind === "incident") {
    tell(before, data);
    if (data.number === state.incident) refreshDetail();
    if (data.closed && !before?.closed) setTimeout(refresh, 1500);
  }
  if (kind === "switch" && was !== frozen(live)) announce(frozen(live) ? "The fleet is frozen." : "The fleet is no longer frozen.");
  touch(...(state.at ? ["at"] : parts));
}

function link(now) {
  const was = state.link.state;
  if (now === "live") state.link.heard = Date.now();
  if (was === now) return;
  if (now === "live" && was === "away") {again(); if (state.told) announce("Connected again."); state.told = false;}
  state.link = {...state.link, state: now, since: Date.now()};
  touch("context");
}

const quietly = async (take) => {try {take(await api.board());} catch {/* the stream tells */}};
const refresh = () => quietly((board) => touch(...live.refresh(board)));

let asking = null, later = 0;
function refreshDetail() {
  if (!state.incident) return;
  clearTimeout(later);
  later = setTimeout(async () => {
    asking?.abort();
    const mine = (asking = new AbortController()), number = state.incident, at = state.at;
    let next;
    try {next = {detail: await api.incident(number, at, mine.signal)};}
    catch (error) {if (error.name === "AbortError") return; next = {detail: error.status === 404 ? null : state.detail.detail, problem: error.message};}
    if (state.incident !== number || state.at !== at) return;
    state.detail = next;
    touch("detail");
  }, state.detail.detail ? 80 : 0);
}

let reading = null;
async function toMoment(at) {
  reading?.abort();
  state.at = at;
  set(document.body, "data-past", Boolean(at));
  if (!at) {state.past = null; state.reading = false; touch(...EVERYTHING, "context"); return;}
  const mine = (reading = new AbortController());
  state.reading = true;
  touch("at", "context");
  try {
    const board = await api.board(at, mine.signal), past = new Model();
    past.load({...board, live: false, at: board.at ?? at});
    state.past = past;
  } catch (error) {
    if (error.name === "AbortError") return;
    notice(`That moment cannot be shown: ${error.message}`);
    go({at: null}, {replace: true});
    return;
  }
  state.reading = false;
  touch(...EVERYTHING, "context");
}

let opener = null;
function route() {
  const to = read();
  if (to.at !== state.at) {toMoment(to.at); if (to.incident === state.incident) refreshDetail();}
  if (to.incident === state.incident) return;
  const from = state.incident;
  state.incident = to.incident;
  state.detail = {};
  set(document.body, "data-view", to.incident ? "incident" : "board");
  $("incident").hidden = !to.incident;
  document.title = to.incident ? `#${to.incident} · SRE-Space` : "SRE-Space";
  if (to.incident) {
    opener ??= from === null ? document.activeElement : null;
    refreshDetail();
    drawIncident(shown(), context, to.incident, state.detail);
    if (state.started) {$("incident-heading").focus({preventScroll: true}); $("incident").scrollIntoView({block: "start"});}
  } else {
    closePage();
    const back = $(`lane-${from}`)?.querySelector(".open") ?? (opener?.isConnected ? opener : $("incidents-heading"));
    opener = null;
    back?.focus();
  }
  for (const lane of document.querySelectorAll(".lane")) set(lane, "data-open", lane.id === `lane-${to.incident}`);
}

function theme() {
  const order = ["auto", "dark", "light"], now = root.dataset.theme ?? "auto", next = order[(order.indexOf(now) + 1) % 3];
  root.dataset.theme = next;
  kept("theme", next);
  nameTheme();
  recolour();
}
const nameTheme = () => {const now = root.dataset.theme ?? "auto"; set($("theme"), "aria-label", `Theme: ${{auto: "as the system", dark: "dark", light: "light"}[now]}`);};

buildChips(() => touch("incidents"));
buildFeed(shown, () => touch("feed"));
buildSlider();
buildSwitch(shown, () => context);
buildKeys(theme);
nameTheme();
$("theme").addEventListener("click", theme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
addEventListener("hashchange", () => {const late = takeToken(); if (late) begin(late, () => touch("context")); route();});
document.addEventListener("click", (event) => {if (event.target.closest(".to-live")) {event.preventDefault(); go({at: null});}});
begin(token, () => touch("context"));
route();
state.started = true;
const stream = new Stream("/events", hear, link);
stream.hole = () => quietly((board) => hear("board", board, state.seen));
stream.run();
setInterval(() => {touch("fleet", "services", "at"); if (away() && !state.told && state.link.state === "away") {state.told = true; announce("The dashboard's server is away."); touch("context");}}, 1000);
setInterval(refresh, FRESH_MS);
touch("context");
